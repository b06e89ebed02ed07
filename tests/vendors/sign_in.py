"""Signs in with a client secret and with a service account's token, and uses what was given.

AZURE_FEDERATED_TOKEN_FILE is where a pod of Kubernetes finds the token.
"""

import time
from os import environ

from simulated import tell

from azure.identity import ClientSecretCredential, WorkloadIdentityCredential
from azure.mgmt.iothub import IotHubClient

tenant, client, subscription = environ["AZURE_TENANT_ID"], environ["AZURE_CLIENT_ID"], environ["AZURE_SUBSCRIPTION_ID"]

credentials = {
    "client secret": ClientSecretCredential(tenant, client, environ["AZURE_CLIENT_SECRET"]),
    "workload identity": WorkloadIdentityCredential(
        tenant_id=tenant, client_id=client, token_file_path=environ["AZURE_FEDERATED_TOKEN_FILE"]
    ),
}


def use(credential):
    token = credential.get_token("https://management.azure.com/.default")
    hubs = IotHubClient(credential, subscription).iot_hub_resource.list_by_subscription()
    return {"minutes": round((token.expires_on - time.time()) / 60), "hubs": sorted(hub.name for hub in hubs)}


tell(**{name: use(credential) for name, credential in credentials.items()})
