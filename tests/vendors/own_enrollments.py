"""Makes a group and an individual enrollment beside Moorage's, changes them, and deletes them: own_enrollments.py HUB_HOST"""

import sys
from os import environ

from simulated import refusal, tell

from provisioningserviceclient import EnrollmentGroup, IndividualEnrollment, ProvisioningServiceClient
from provisioningserviceclient.models import AttestationMechanism, InitialTwin, ReprovisionPolicy

host = sys.argv[1]
service = ProvisioningServiceClient.create_from_connection_string(environ["PROVISIONING_CONNECTION_STRING"])
# Without keys of ours the service makes two.
symmetric = AttestationMechanism(type="symmetricKey")

group = service.create_or_update(EnrollmentGroup.create("lab-devices", symmetric, allocation_policy="static", iot_hubs=[host]))
press = service.create_or_update(
    IndividualEnrollment.create(
        "lab-press-7",
        symmetric,
        device_id="press-7",
        iot_hub_host_name=host,
        initial_twin=InitialTwin.create(tags={"line": "4"}),
        reprovision_policy=ReprovisionPolicy(update_hub_assignment=False, migrate_device_data=False),
    )
)
first_tag = press.etag
press.attestation = service.get_individual_enrollment_attestation_mechanism("lab-press-7")
press.provisioning_status = "disabled"
barred = service.create_or_update(press)
stale = refusal(lambda: service.delete_individual_enrollment_by_param("lab-press-7", first_tag))
again = refusal(lambda: service.create_or_update(EnrollmentGroup.create("lab-devices", symmetric)))
service.delete(barred)
service.delete(group)

tell(
    group=[group.enrollment_group_id, group.provisioning_status, group.allocation_policy, group.iot_hubs],
    press=[press.registration_id, press.device_id, press.initial_twin.tags, press.reprovision_policy.update_hub_assignment],
    barred=[barred.provisioning_status, barred.initial_twin.tags],
    made_again=again,
    deleted_by_a_stale_tag=stale,
    afterwards=[
        refusal(lambda: service.get_individual_enrollment("lab-press-7")),
        refusal(lambda: service.get_enrollment_group("lab-devices")),
    ],
)
