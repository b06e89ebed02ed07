"""Makes a hub beside Moorage's, changes its tags, and deletes it: own_hub.py RESOURCE_GROUP HUB"""

import sys
from os import environ

from simulated import refusal, tell

from azure.identity import EnvironmentCredential
from azure.mgmt.iothub import IotHubClient
from azure.mgmt.iothub.models import IotHubDescription, IotHubSkuInfo, OperationInputs, TagsResource

group, name = sys.argv[1:]
hubs = IotHubClient(EnvironmentCredential(), environ["AZURE_SUBSCRIPTION_ID"]).iot_hub_resource


def is_free():
    return hubs.check_name_availability(OperationInputs(name=name)).name_available


free_before = is_free()
making = hubs.begin_create_or_update(group, name, IotHubDescription(location="northeurope", sku=IotHubSkuInfo(name="B1", capacity=2)))
at_first = making.status()
made = making.result()
tagged = hubs.begin_update(group, name, TagsResource(tags={"for": "an experiment"})).result()
listed = sorted(hub.name for hub in hubs.list_by_resource_group(group))
policies = [policy.key_name for policy in hubs.list_keys(group, name)]
free_meanwhile = is_free()
deleting = hubs.begin_delete(group, name)
deleting.wait()

tell(
    made=[at_first, making.status(), made.properties.state, made.properties.host_name, made.sku.name, made.sku.capacity],
    tags=tagged.tags,
    listed=listed,
    policies=policies,
    name_is_free=[free_before, free_meanwhile, is_free()],
    deleted=deleting.status(),
    afterwards=refusal(lambda: hubs.get(group, name)),
)
