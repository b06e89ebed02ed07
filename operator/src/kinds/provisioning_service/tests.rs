//! A provisioning service in a small Azure of its own.

mod admission;
mod leaving;
mod present;
mod world;

use std::collections::BTreeMap;

use moorage_cloud::ProvisioningService as Document;
use moorage_crds::{Adoption, annotations};
use serde_json::json;

use super::{
    observe::{LiveState, id_of},
    *,
};
use crate::{
    azure::arm_resource::{
        self,
        ownership::{OWNER_TAG, by_tag},
        resource_group::{Change, ObservedGroup, State},
    },
    controller::linter::{described, metadata, now, read},
    ledger::entries::{ADOPTED, CLAIMED, MADE},
    object::ObjectKey,
};

const MARK: &str = "house/ProvisioningService/platform/dps";

fn object(spec: &Value) -> ProvisioningService {
    let mut whole = json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "ProvisioningService",
        "metadata": metadata("platform", "dps"),
        "spec": {
            "accountRef": { "name": "azure" },
            "resourceGroup": "iot-shared",
            "name": "contoso-dps",
            "location": "eastus",
            "deletionPolicy": "Delete",
        },
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        whole["spec"][field] = value.clone();
    }
    read(whole)
}

/// A service as Azure writes it, changed as `change` says.
fn document(change: impl FnOnce(&mut Value)) -> Document {
    let mut whole = json!({
        "id": "/subscriptions/s/resourceGroups/iot-shared/providers/Microsoft.Devices/provisioningServices/contoso-dps",
        "name": "contoso-dps",
        "location": "eastus",
        "etag": "AAAAAA==",
        "sku": { "name": "S1", "tier": "Standard", "capacity": 1 },
        "tags": { OWNER_TAG: MARK },
        "properties": {
            "state": "Active",
            "provisioningState": "Succeeded",
            "iotHubs": [],
            "serviceOperationsHostName": "contoso-dps.azure-devices-provisioning.net",
            "deviceProvisioningHostName": "global.azure-devices-provisioning.net",
            "idScope": "0ne00000001",
        },
    });
    change(&mut whole);
    read(whole)
}

fn settled_group() -> ObservedGroup {
    ObservedGroup { state: State::Settled, ours: true, empty: false }
}

/// A look at a service in a resource group that is there, with a ledger that says `record`.
fn look(service: Option<Document>, record: Option<&str>) -> LiveState {
    let whose = by_tag(MARK, service.as_ref().and_then(|service| service.tag(OWNER_TAG)), record, |_| true);
    LiveState {
        group: settled_group(),
        service: arm_resource::ObservedResource { document: service, whose, name_is_taken: false, record: record.map(str::to_owned) },
        noted: record.is_some(),
        granted: Adoption::IfUnmanaged,
        users: None,
        groups: None,
        refusal: None,
        disenrolled: Vec::new(),
        is_known: false,
        place: "azure/azure/s/iot-shared/contoso-dps".to_owned(),
        tags: BTreeMap::new(),
    }
}

fn plan(object: &ProvisioningService, looked: LiveState, goal: Goal) -> Plan<Action> {
    let looked = LiveState { tags: object.spec.tags.clone(), ..looked };
    object.plan(&Observed::Live(Box::new(looked)), goal, now())
}

fn present(object: &ProvisioningService, looked: LiveState) -> Vec<String> {
    described(&plan(object, looked, Goal::Present))
}

fn absent(object: &ProvisioningService, looked: LiveState) -> Vec<String> {
    described(&plan(object, looked, Goal::Absent))
}
