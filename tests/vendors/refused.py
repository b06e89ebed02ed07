"""Asks for what is refused, and tells what the clients make of each refusal."""

from os import environ

from simulated import refusal, tell

from azure.core.credentials import AccessToken
from azure.identity import ClientSecretCredential, EnvironmentCredential, WorkloadIdentityCredential
from azure.mgmt.iothub import IotHubClient
from azure.mgmt.iothub.models import IotHubDescription, IotHubSkuInfo
from azure.mgmt.iothubprovisioningservices import IotDpsClient
from azure.mgmt.iothubprovisioningservices.models import (
    IotDpsPropertiesDescription,
    IotDpsSkuInfo,
    IotHubDefinitionDescription,
    ManagedServiceIdentity,
    ProvisioningServiceDescription,
)
from provisioningserviceclient import EnrollmentGroup, IndividualEnrollment, ProvisioningServiceClient
from provisioningserviceclient.models import AttestationMechanism

TENANT, SUBSCRIPTION, CLIENT = environ["AZURE_TENANT_ID"], environ["AZURE_SUBSCRIPTION_ID"], environ["AZURE_CLIENT_ID"]
MANAGER = "https://management.azure.com/.default"


class Expired:
    """A credential whose tokens nobody knows any more."""

    def get_token(self, *_scopes, **_options):
        return AccessToken("once-good", 4_000_000_000)


def signing_in():
    other_account = WorkloadIdentityCredential(
        tenant_id=TENANT, client_id=CLIENT, token_file_path=environ["AZURE_FEDERATED_TOKEN_FILE"]
    )
    return {
        "a wrong secret": refusal(lambda: ClientSecretCredential(TENANT, CLIENT, "wrong").get_token(MANAGER)),
        "an unknown application": refusal(lambda: ClientSecretCredential(TENANT, SUBSCRIPTION, "any").get_token(MANAGER)),
        "another service account": refusal(lambda: other_account.get_token(MANAGER)),
    }


def hubs_of(credential=None, subscription=SUBSCRIPTION, **options):
    # Without retries: a refusal is to be seen at once.
    return IotHubClient(credential or EnvironmentCredential(), subscription, retry_total=0, **options).iot_hub_resource


def managing_hubs():
    hubs = hubs_of()

    def put(group, name, location="eastus", sku="S1", capacity=1, **condition):
        hub = IotHubDescription(location=location, sku=IotHubSkuInfo(name=sku, capacity=capacity))
        return refusal(lambda: hubs.begin_create_or_update(group, name, hub, **condition))

    def get_by(client):
        return refusal(lambda: client.get("rg", "hub-east"))

    powerless = ClientSecretCredential(TENANT, environ["POWERLESS_CLIENT_ID"], environ["AZURE_CLIENT_SECRET"])
    stranger = ClientSecretCredential(environ["OTHER_TENANT_ID"], environ["STRANGER_CLIENT_ID"], environ["AZURE_CLIENT_SECRET"])
    return {
        "an expired token": get_by(hubs_of(Expired())),
        "a token for hubs": get_by(hubs_of(credential_scopes=["https://iothubs.azure.net/.default"])),
        "a token of another tenant": get_by(hubs_of(stranger)),
        "no role": get_by(hubs_of(powerless)),
        "no such subscription": get_by(hubs_of(subscription=TENANT)),
        "an api-version that is not simulated": get_by(hubs_of(api_version="2019-03-22")),
        "no such group": refusal(lambda: hubs.get("none", "hub-east")),
        "no such hub": refusal(lambda: hubs.get("rg", "none")),
        "no such policy": refusal(lambda: hubs.get_keys_for_key_name("rg", "hub-east", "none")),
        "a stale entity tag": put("rg", "hub-east", if_match="AAAAold="),
        "an entity tag of nothing": put("rg", "hub-new", if_match="AAAAold="),
        "a name that is taken": put("elsewhere", "hub-east"),
        "another region": put("rg", "hub-east", location="westus"),
        "a free hub of a paid one": put("rg", "hub-east", sku="F1"),
        "units beyond the tier": put("rg", "hub-east", capacity=201),
        "too often": refusal(lambda: hubs.get("rg", "throttled")),
    }


def managing_services():
    services = IotDpsClient(EnvironmentCredential(), SUBSCRIPTION, retry_total=0).iot_dps_resource

    def put(group="rg", name="dps", location="eastus", links=(), **fields):
        properties = IotDpsPropertiesDescription(iot_hubs=list(links))
        sku = IotDpsSkuInfo(name="S1", capacity=1)
        service = ProvisioningServiceDescription(location=location, sku=sku, properties=properties, **fields)
        return refusal(lambda: services.begin_create_or_update(group, name, service))

    def link(**fields):
        return IotHubDefinitionDescription(location="eastus", **fields)

    def by_key(host, **fields):
        return link(connection_string=f"HostName={host};SharedAccessKeyName=iothubowner;SharedAccessKey=AAAA", **fields)

    east, west = "hub-east.azure-devices.net", "hub-west.azure-devices.net"
    return {
        "no such service": refusal(lambda: services.get("none", "rg")),
        "no such policy": refusal(lambda: services.list_keys_for_key_name("dps", "none", "rg")),
        "a name that is taken": put(group="elsewhere"),
        "another region": put(location="westus"),
        "a hub linked three times": put(links=[by_key(east)] * 3),
        "a link by an identity that the service has not": put(links=[link(host_name=east, authentication_type="SystemAssigned")]),
        "a link without a host name or a key": put(links=[link()]),
        "a link whose names differ": put(links=[by_key(east, host_name=west)]),
        "an identity that names none": put(identity=ManagedServiceIdentity(type="UserAssigned")),
    }


def enrolling():
    host, owner = environ["PROVISIONING_HOST"], environ["OWNER_KEY"]
    service = ProvisioningServiceClient(host, "provisioningserviceowner", owner)
    symmetric = AttestationMechanism(type="symmetricKey")
    both = ["hub-east.azure-devices.net", "hub-west.azure-devices.net"]

    def put(group, **fields):
        return refusal(lambda: service.create_or_update(EnrollmentGroup(enrollment_group_id=group, attestation=symmetric, **fields)))

    def get_by(policy, key):
        return refusal(lambda: ProvisioningServiceClient(host, policy, key).get_enrollment_group("g1"))

    return {
        "another key": get_by("provisioningserviceowner", environ["OTHER_KEY"]),
        "an unknown policy": get_by("nobody", owner),
        "no such enrollment": refusal(lambda: service.get_individual_enrollment("none")),
        "no such group": refusal(lambda: service.get_enrollment_group("none")),
        "no such record": refusal(lambda: service.get_registration_state("none")),
        "a stale tag": put("g1", etag='"old"'),
        "a stale tag to delete by": refusal(lambda: service.delete_enrollment_group_by_param("g1", '"old"')),
        "made again": put("g1"),
        "a hub that is not linked": put("g2", iot_hubs=["foreign.azure-devices.net"]),
        "static over two hubs": put("g2", iot_hubs=both, allocation_policy="static"),
        "an invalid id": refusal(lambda: service.create_or_update(IndividualEnrollment.create("ends-with.", symmetric))),
        "too often": refusal(lambda: service.get_enrollment_group("throttled")),
    }


tell(signing_in=signing_in(), managing_hubs=managing_hubs(), managing_services=managing_services(), enrolling=enrolling())
