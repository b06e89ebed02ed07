"""Reads the provisioning services of a resource group: read_services.py RESOURCE_GROUP"""

import re
import sys
from os import environ

from simulated import fingerprint, tell

from azure.identity import EnvironmentCredential
from azure.mgmt.iothubprovisioningservices import IotDpsClient

group = sys.argv[1]
client = IotDpsClient(EnvironmentCredential(), environ["AZURE_SUBSCRIPTION_ID"])
services = client.iot_dps_resource


def link(hub):
    # The policy is read from the connection string, which is masked.
    policy, key = re.search("SharedAccessKeyName=([^;]*);SharedAccessKey=(.*)", hub.connection_string).groups()
    return [hub.name, hub.location, hub.allocation_weight, hub.apply_allocation_policy, hub.authentication_type, policy, key]


def read(service):
    properties = service.properties
    policies = list(services.list_keys(service.name, group))
    one = services.list_keys_for_key_name(service.name, policies[0].key_name, group)
    return {
        "location": service.location,
        "sku": [service.sku.name, service.sku.tier, service.sku.capacity],
        "state": [properties.provisioning_state, properties.state],
        "hosts": [properties.service_operations_host_name, properties.device_provisioning_host_name],
        "id scope": properties.id_scope,
        "allocation": properties.allocation_policy,
        "identity": service.identity,
        "links": sorted(link(hub) for hub in properties.iot_hubs),
        "keys": {policy.key_name: [fingerprint(policy.primary_key), fingerprint(policy.secondary_key)] for policy in policies},
        "first policy asked for by name": [one.key_name, fingerprint(one.primary_key)],
        "certificates": [certificate.name for certificate in client.dps_certificate.list(group, service.name).value],
    }


tell(**{service.name: read(services.get(service.name, group)) for service in services.list_by_resource_group(group)})
