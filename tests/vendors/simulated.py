"""Where the scripts find Azure, and how they tell what they saw.

Imported before Microsoft's clients. Every host name keeps its meaning, for TLS too, and leads to the
simulator's address: in this process, and nowhere else. The simulator's authority is trusted through
REQUESTS_CA_BUNDLE.
"""

import hashlib
import json
import os
import re
import socket

_host, _port = os.environ["SIMULATOR"].rsplit(":", 1)
_resolve = socket.getaddrinfo


def _resolve_to_the_simulator(_name, _service, *arguments, **more):
    return _resolve(_host, int(_port), *arguments, **more)


socket.getaddrinfo = _resolve_to_the_simulator


def tell(**facts):
    """Prints the one line that the test reads."""
    print(json.dumps(facts))


def fingerprint(secret):
    """Tells two secrets apart without telling them."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


def refusal(attempt):
    """What the client makes of a refusal: the exception, and the status and code that it took from the answer."""
    try:
        attempt()
    except Exception as refused:
        # The provisioning client wraps what it was told.
        told = getattr(refused, "cause", None) or refused
        answer = getattr(told, "response", None)
        return [type(refused).__name__, None if answer is None else answer.status_code, _code(told)]
    return None


def _code(told):
    error = getattr(told, "error", None)
    code = getattr(error, "code", None) or getattr(error, "error_code", None)
    # Entra's code is in its words.
    entra = re.search(r"AADSTS\d+", str(told))
    return entra.group() if entra else code
