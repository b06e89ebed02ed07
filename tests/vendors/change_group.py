"""Changes an enrollment group as an administrator would who knows nothing of Moorage: change_group.py GROUP STATUS

One write, under the group's entity tag: enabled or disabled, hashed over all hubs, and with a tag for new devices. An update
has to bring the keys along. A second write under the same entity tag comes too late.
"""

import sys
from os import environ

from simulated import refusal, tell

from provisioningserviceclient import ProvisioningServiceClient
from provisioningserviceclient.models import InitialTwin

name, status = sys.argv[1:]
service = ProvisioningServiceClient.create_from_connection_string(environ["PROVISIONING_CONNECTION_STRING"])

group = service.get_enrollment_group(name)
group.attestation = service.get_enrollment_group_attestation_mechanism(name)
group.provisioning_status = status
group.allocation_policy = "hashed"
group.iot_hubs = None
group.initial_twin = InitialTwin.create(tags={"plant": "7"}, desired_properties={"interval": 30})

changed = service.create_or_update(group)
late = refusal(lambda: service.create_or_update(group))

tell(
    status=changed.provisioning_status,
    allocation=changed.allocation_policy,
    hubs=changed.iot_hubs,
    tags=changed.initial_twin.tags,
    desired=changed.initial_twin.desired_properties,
    another_entity_tag=changed.etag != group.etag,
    late=late,
)
