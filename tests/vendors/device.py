"""A device that knows the entries of its Secret, which are files here as in a pod: device.py DIRECTORY [KEY_ENTRY]

Without an entry for the key it has a certificate. It registers, connects to the hub that it is assigned, reads its twin, sends a message,
reports, and waits until something is wished of it. Both services are asked for at port 8883, which the client does not let anybody choose.
"""

import sys
from os import environ
from pathlib import Path
from queue import SimpleQueue

from simulated import refusal, tell

from azure.iot.device import X509, IoTHubDeviceClient, Message, ProvisioningDeviceClient

directory = Path(sys.argv[1])
secret = {entry.name: entry.read_text() for entry in directory.iterdir()}
trust = {"server_verification_cert": Path(environ["REQUESTS_CA_BUNDLE"]).read_text()}
place = (secret["provisioningHost"], secret["registrationId"], secret["idScope"])


def register(client):
    return client.register().registration_state


if len(sys.argv) > 2:
    key = secret[sys.argv[2]]
    unknown = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    stranger = refusal(lambda: register(ProvisioningDeviceClient.create_from_symmetric_key(*place, unknown, **trust)))
    state = register(ProvisioningDeviceClient.create_from_symmetric_key(*place, key, **trust))
    client = IoTHubDeviceClient.create_from_symmetric_key(key, state.assigned_hub, state.device_id, **trust)
else:
    certificate = X509(str(directory / "tls.crt"), str(directory / "tls.key"))
    host, _, scope = place
    other = ProvisioningDeviceClient.create_from_x509_certificate(host, "another", scope, certificate, **trust)
    stranger = refusal(lambda: register(other))
    state = register(ProvisioningDeviceClient.create_from_x509_certificate(*place, certificate, **trust))
    client = IoTHubDeviceClient.create_from_x509_certificate(certificate, state.assigned_hub, state.device_id, **trust)
client.connect()
wishes = SimpleQueue()
client.on_twin_desired_properties_patch_received = wishes.put
twin = client.get_twin()
message = Message('{"temperature": 21.5}', content_encoding="utf-8", content_type="application/json")
message.custom_properties["level"] = "high"
client.send_message(message)
client.patch_twin_reported_properties({"firmware": "1.2"})
wish = wishes.get(timeout=120)
client.shutdown()

tell(stranger=stranger, assigned=[state.sub_status, state.assigned_hub, state.device_id], twin=twin, wish=wish)
