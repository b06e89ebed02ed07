"""Reads the IoT hubs of a resource group: read_hubs.py RESOURCE_GROUP"""

import sys
from os import environ

from simulated import fingerprint, tell

from azure.identity import EnvironmentCredential
from azure.mgmt.iothub import IotHubClient

group = sys.argv[1]
hubs = IotHubClient(EnvironmentCredential(), environ["AZURE_SUBSCRIPTION_ID"]).iot_hub_resource


def read(hub):
    policies = list(hubs.list_keys(group, hub.name))
    one = hubs.get_keys_for_key_name(group, hub.name, policies[-1].key_name)
    return {
        "location": hub.location,
        "sku": [hub.sku.name, hub.sku.tier, hub.sku.capacity],
        "tags": hub.tags,
        "state": [hub.properties.provisioning_state, hub.properties.state],
        "host": hub.properties.host_name,
        "rights": {policy.key_name: policy.rights for policy in policies},
        "keys": {policy.key_name: [fingerprint(policy.primary_key), fingerprint(policy.secondary_key)] for policy in policies},
        "last policy asked for by name": [one.key_name, fingerprint(one.primary_key)],
        "quota": {metric.name: [metric.current_value, metric.max_value] for metric in hubs.get_quota_metrics(group, hub.name)},
    }


tell(**{hub.name: read(hubs.get(group, hub.name)) for hub in hubs.list_by_resource_group(group)})
