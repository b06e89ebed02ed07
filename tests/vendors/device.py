"""A device that knows the entries of its Secret, which are files here as in a pod: device.py DIRECTORY KEY_ENTRY

It registers, connects to the hub that it is assigned, reads its twin, sends a message, reports, and waits until something is wished of it.
Both services are asked for at port 8883, which the client does not let anybody choose.
"""

import sys
from os import environ
from pathlib import Path
from queue import SimpleQueue

from simulated import refusal, tell

from azure.iot.device import IoTHubDeviceClient, Message, ProvisioningDeviceClient

directory, key_entry = sys.argv[1:]
secret = {entry.name: entry.read_text() for entry in Path(directory).iterdir()}
key = secret[key_entry]
trust = {"server_verification_cert": Path(environ["REQUESTS_CA_BUNDLE"]).read_text()}


def register(key):
    client = ProvisioningDeviceClient.create_from_symmetric_key(
        secret["provisioningHost"], secret["registrationId"], secret["idScope"], key, **trust
    )
    return client.register().registration_state


stranger = refusal(lambda: register("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="))
state = register(key)
client = IoTHubDeviceClient.create_from_symmetric_key(key, state.assigned_hub, state.device_id, **trust)
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
