//! When a device is reprovisioned, and when it is left alone.

use moorage_cloud::Cloud;
use moorage_keys::DeviceId;
use serde_json::json;

use super::*;
use crate::{
    controller::linter::{described, now, read},
    kinds::device_credential::{
        assignment::hub::{AssignedHub, DeviceIdentity},
        reprovision::{ReprovisionRequest, ReprovisionStep, plan_reprovision},
    },
};

const FIRST: &str = "2026-01-01T08:00:00Z";
const SECOND: &str = "2026-03-01T11:59:00Z";

fn record(created: &str, status: &str) -> Registration {
    read(json!({ "registrationId": "press", "status": status, "createdDateTimeUtc": created, "etag": "\"1\"" }))
}

fn asked(noted: Option<&str>, record: Option<Registration>) -> ReprovisionRequest {
    let hub = Cloud::public().hub_host("contoso-east.azure-devices.net").expect("a hub");
    let assigned_hub = AssignedHub::Own(DeviceIdentity { hub, device: DeviceId::parse("press").expect("an id") });
    let id = RegistrationId::parse("press").expect("an id");
    ReprovisionRequest {
        id,
        token: "now".to_owned(),
        noted: noted.map(str::to_owned),
        record,
        assigned_hub,
        group: "platform/press".to_owned(),
    }
}

fn steps(asked: &ReprovisionRequest) -> Vec<String> {
    plan_reprovision(asked, now()).actions.iter().map(|step| format!("{} {}", step.reason(), step.target().as_str())).collect()
}

#[test]
fn which_registration_is_meant_is_written_down_before_it_is_ended() {
    let first = || Some(record(FIRST, "assigned"));
    let noted = format!("now {FIRST}");
    assert!(matches!(&plan_reprovision(&asked(None, first()), now()).actions[..], [ReprovisionStep::Note { text }] if *text == noted));
    assert_eq!(steps(&asked(Some("before 2025-01-01T00:00:00Z"), first())), ["RecordClaim cluster"]);
    assert_eq!(steps(&asked(Some(&noted), first())), ["Reprovision cloud", "Reprovision cloud"]);
}

#[test]
fn a_registration_that_came_after_the_request_is_left_alone() {
    let noted = format!("now {FIRST}");
    assert_eq!(steps(&asked(Some(&noted), Some(record(SECOND, "assigned")))), ["DropClaim cluster"]);
    assert_eq!(steps(&asked(Some(&noted), None)), ["DropClaim cluster"]);
    assert_eq!(steps(&asked(None, None)), ["DropClaim cluster"]);
}

#[test]
fn a_device_that_registers_at_this_moment_is_waited_for() {
    let waits = ["not yet, Provisioning: Registration id press is registering at this moment | again in 2 s | usable"];
    assert_eq!(described(&plan_reprovision(&asked(None, Some(record(SECOND, "assigning"))), now())), waits);
}

#[test]
fn an_identity_in_a_hub_of_somebody_else_is_left_alone_with_its_record() {
    let elsewhere = AssignedHub::Foreign;
    let stuck = plan_reprovision(
        &ReprovisionRequest { assigned_hub: elsewhere, ..asked(Some(&format!("now {FIRST}")), Some(record(FIRST, "assigned"))) },
        now(),
    );
    let sentence = "stuck, NotGranted: the device is in a hub that is none of those that EnrollmentGroup platform/press may use; have \
                    the owner of the provisioning service delete the record of its registration, and the owner of the hub its identity \
                    there | usable";
    assert_eq!(described(&stuck), [sentence]);
}
