"""Reads and changes a hub's registry as an administrator would: registry.py DEVICE

The device is one that registered through Moorage's group. Beside it one device is made, changed under its entity tag, and
deleted, and two are made in bulk. The client is there for Python up to 3.13.
"""

import base64
import sys
from os import environ

from simulated import fingerprint, refusal, tell

from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import ExportImportDevice, QuerySpecification, Twin, TwinProperties

registry = IoTHubRegistryManager.from_connection_string(environ["HUB_CONNECTION_STRING"])
name = sys.argv[1]
first, second = (base64.b64encode(bytes([byte]) * 32).decode() for byte in (1, 2))


def secrets(device):
    keys = device.authentication.symmetric_key
    return [fingerprint(keys.primary_key), fingerprint(keys.secondary_key)]


def ids(query):
    return sorted(twin.device_id for twin in registry.query_iot_hub(QuerySpecification(query=query)).items)


ours = registry.get_device(name)
made = registry.create_device_with_sas("acme-press", first, second, "enabled")
again = refusal(lambda: registry.create_device_with_sas("acme-press", first, second, "enabled"))
barred = registry.update_device_with_sas("acme-press", made.etag, second, first, "disabled", status_reason="sold")
late = refusal(lambda: registry.update_device_with_sas("acme-press", made.etag, first, second, "enabled"))
bulk = registry.bulk_create_or_update_devices(
    [ExportImportDevice(id=id, import_mode="create", status="enabled") for id in ("acme-lathe", "acme-mill")]
)
# 400 is no exception to the client: what could not be done is in the result.
half = registry.bulk_create_or_update_devices(
    [ExportImportDevice(id="acme-mill", import_mode="create"), ExportImportDevice(id="acme-saw", import_mode="create")]
)
before = registry.get_twin(name)
written = registry.update_twin(name, Twin(tags={"plant": "7"}, properties=TwinProperties(desired={"interval": 30})), before.etag)
stale = refusal(lambda: registry.update_twin(name, Twin(tags={"plant": "8"}), before.etag))
all_devices = ids("SELECT * FROM devices")
of_plant = ids("SELECT * FROM devices WHERE tags.plant = '7'")
counted = registry.get_device_registry_statistics()
for device in all_devices:
    if device.startswith("acme-"):
        registry.delete_device(device)
# What a device with this name has is given back.
registry.update_twin(name, Twin(tags={"plant": None}, properties=TwinProperties(desired={"interval": None})))

tell(
    ours=[ours.device_id, ours.status, ours.authentication.type, secrets(ours)],
    swapped=secrets(barred) == list(reversed(secrets(made))),
    barred=[barred.status, barred.status_reason],
    made_again=again,
    late=late,
    bulk=[bulk.is_successful, bulk.errors],
    half=[half.is_successful, [[error.device_id, error.error_code] for error in half.errors]],
    twin=[written.tags, {key: value for key, value in written.properties.desired.items() if not key.startswith("$")}],
    stale=stale,
    devices=all_devices,
    of_plant=of_plant,
    counted=[counted.total_device_count, counted.enabled_device_count, counted.disabled_device_count],
    afterwards=[ids("SELECT * FROM devices"), refusal(lambda: registry.get_device("acme-press"))],
)
