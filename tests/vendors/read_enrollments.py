"""Reads what a provisioning service enrolls: read_enrollments.py REGISTRATION...

Every enrollment group and individual enrollment, found in pages of one, and the named registrations.
"""

import sys
from os import environ

from simulated import fingerprint, tell

from provisioningserviceclient import ProvisioningServiceClient, QuerySpecification

service = ProvisioningServiceClient.create_from_connection_string(environ["PROVISIONING_CONNECTION_STRING"])


def read(enrollment, attestation):
    keys = attestation.symmetric_key
    twin = enrollment.initial_twin
    return {
        "status": enrollment.provisioning_status,
        "allocation": enrollment.allocation_policy,
        "hubs": enrollment.iot_hubs,
        "reprovision": [enrollment.reprovision_policy.update_hub_assignment, enrollment.reprovision_policy.migrate_device_data],
        "tags": twin and twin.tags,
        "keys shown": enrollment.attestation.symmetric_key is not None,
        "keys": [fingerprint(keys.primary_key), fingerprint(keys.secondary_key)],
    }


group_pages = list(service.create_enrollment_group_query(QuerySpecification("SELECT * FROM enrollmentGroups"), page_size=1))
groups = [service.get_enrollment_group(group.enrollment_group_id) for page in group_pages for group in page]
single_pages = list(service.create_individual_enrollment_query(QuerySpecification("SELECT * FROM enrollments"), page_size=1))
singles = [service.get_individual_enrollment(one.registration_id) for page in single_pages for one in page]
states = [service.get_registration_state(registration) for registration in sys.argv[1:]]

tell(
    pages=[len(page) for page in group_pages],
    groups={
        group.enrollment_group_id: read(group, service.get_enrollment_group_attestation_mechanism(group.enrollment_group_id))
        for group in groups
    },
    individuals={
        one.registration_id: read(one, service.get_individual_enrollment_attestation_mechanism(one.registration_id)) for one in singles
    },
    registrations={state.registration_id: [state.status, state.assigned_hub, state.device_id] for state in states},
)
