"""Makes a provisioning service beside Moorage's that links a hub by identity, and deletes it: own_service.py RESOURCE_GROUP SERVICE HUB_HOST

A certificate of an authority is uploaded, verified by who holds the authority's key, and deleted.
"""

import datetime
import sys
from os import environ

from simulated import refusal, tell

from azure.core import MatchConditions
from azure.identity import EnvironmentCredential
from azure.mgmt.iothubprovisioningservices import IotDpsClient
from azure.mgmt.iothubprovisioningservices.models import (
    CertificateProperties,
    CertificateResponse,
    IotDpsPropertiesDescription,
    IotDpsSkuInfo,
    IotHubDefinitionDescription,
    ManagedServiceIdentity,
    OperationInputs,
    ProvisioningServiceDescription,
    VerificationCodeRequest,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

group, name, host = sys.argv[1:]
client = IotDpsClient(EnvironmentCredential(), environ["AZURE_SUBSCRIPTION_ID"], retry_total=0)
services, certificates = client.iot_dps_resource, client.dps_certificate
key = ec.generate_private_key(ec.SECP256R1())
exactly = {"match_condition": MatchConditions.IfNotModified}


def is_free():
    return services.check_provisioning_service_name_availability(OperationInputs(name=name)).name_available


def put(service):
    return services.begin_create_or_update(group, name, service).result()


def certificate(common_name, of_authority):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Acme root")])
    own = key if of_authority else ec.generate_private_key(ec.SECP256R1())
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(own.public_key())
    made = made.serial_number(x509.random_serial_number())
    made = made.not_valid_before(datetime.datetime(2020, 1, 1)).not_valid_after(datetime.datetime(2099, 1, 1))
    made = made.add_extension(x509.BasicConstraints(ca=of_authority, path_length=None), critical=True)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def verified_authority():
    root = CertificateResponse(properties=CertificateProperties(certificate=certificate("Acme root", True)))
    made = certificates.create_or_update(group, name, "acme", root)
    again = refusal(lambda: certificates.create_or_update(group, name, "acme", root))
    code = certificates.generate_verification_code("acme", group, name, etag=made.etag, **exactly)
    leaf = certificate(code.properties.verification_code, False).decode()
    late = refusal(
        lambda: certificates.verify_certificate("acme", group, name, VerificationCodeRequest(certificate=leaf), etag=made.etag, **exactly)
    )
    proved = certificates.verify_certificate("acme", group, name, VerificationCodeRequest(certificate=leaf), etag=code.etag, **exactly)
    listed = [[one.name, one.properties.subject, one.properties.is_verified] for one in certificates.list(group, name).value]
    certificates.delete(group, name, "acme", etag=proved.etag, **exactly)
    left = len(certificates.list(group, name).value)
    return {"made": made.properties.is_verified, "made again": again, "late": late, "listed": listed, "left": left}


free_before = is_free()
wanted = ProvisioningServiceDescription(
    location="eastus",
    sku=IotDpsSkuInfo(name="S1", capacity=1),
    properties=IotDpsPropertiesDescription(),
)
put(wanted)
by_identity = IotHubDefinitionDescription(host_name=host, authentication_type="SystemAssigned", location="eastus")
wanted.properties.iot_hubs = [by_identity]
too_early = refusal(lambda: put(wanted))
wanted.properties.iot_hubs = None
wanted.identity = ManagedServiceIdentity(type="SystemAssigned")
with_identity = put(wanted)
wanted.properties.iot_hubs = [by_identity]
linked = put(wanted)
link = services.get(name, group).properties.iot_hubs[0]
authority = verified_authority()
services.begin_delete(name, group).wait()

tell(
    name_is_free=[free_before, is_free()],
    too_early=too_early,
    identity=[with_identity.identity.type, with_identity.identity.tenant_id],
    same_principal=linked.identity.principal_id == with_identity.identity.principal_id,
    link=[link.name, link.host_name, link.authentication_type, link.connection_string],
    authority=authority,
    afterwards=refusal(lambda: services.get(name, group)),
)
