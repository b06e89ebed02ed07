"""Changes a hub as an administrator would who knows nothing of Moorage: change_hub.py RESOURCE_GROUP HUB

One write, under the hub's entity tag: a tag, another unit, a policy of the administrator's own, and without
the policies that Moorage made. A second write under the same entity tag comes too late.
"""

import sys
from os import environ

from simulated import refusal, tell

from azure.identity import EnvironmentCredential
from azure.mgmt.iothub import IotHubClient
from azure.mgmt.iothub.models import SharedAccessSignatureAuthorizationRule

group, name = sys.argv[1:]
hubs = IotHubClient(EnvironmentCredential(), environ["AZURE_SUBSCRIPTION_ID"]).iot_hub_resource

hub = hubs.get(group, name)
kept = [policy for policy in hubs.list_keys(group, name) if not policy.key_name.startswith("moorage-")]
auditor = SharedAccessSignatureAuthorizationRule(key_name="auditor", rights="RegistryRead")
hub.properties.authorization_policies = [*kept, auditor]
hub.tags["cost-centre"] = "4711"
hub.sku.capacity += 1

changed = hubs.begin_create_or_update(group, name, hub, if_match=hub.etag).result()
late = refusal(lambda: hubs.begin_create_or_update(group, name, hub, if_match=hub.etag))

tell(
    units=changed.sku.capacity,
    tags=sorted(changed.tags),
    policies=[policy.key_name for policy in hubs.list_keys(group, name)],
    another_entity_tag=changed.etag != hub.etag,
    late=late,
)
