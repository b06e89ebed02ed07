//! Cases at random: mostly small, mostly sane.

mod actions;

use moorage_tests::apiserver::{Mode, Moment, Trouble};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::prop_oneof;

use crate::case::{
    Case, CloudFault, CloudTrouble, DeviceCase, EnrollmentCase, HubCase, Method, Parting, Proof, Quirks, ServiceCase, Step, TenantCase,
    Wait, Way,
};

/// True so many times of a hundred.
fn rarely(percent: u32) -> BoxedStrategy<bool> {
    prop_oneof![100 - percent => Just(false), percent => Just(true)].boxed()
}

/// Any case.
pub fn case() -> BoxedStrategy<Case> {
    let lag = prop_oneof![4 => Just(0_u16), 1 => Just(3), 1 => Just(400), 1 => Just(3000)];
    let tenants = prop_oneof![3 => vec(tenant(), 1), 2 => vec(tenant(), 2)];
    (quirks(), lag, service(), tenants, vec(any::<u8>(), 12), vec(step(), 0..9))
        .prop_map(|(quirks, lag, service, tenants, order, steps)| Case { quirks, lag, service, tenants, order, steps })
        .boxed()
}

fn quirks() -> impl Strategy<Value = Quirks> {
    let doubt = || rarely(25);
    let wait = || prop_oneof![5 => Just(0_u8), 1 => 1_u8..20];
    (doubt(), doubt(), doubt(), doubt(), doubt(), (0_u8..3, 0_u8..3, doubt()), doubt(), wait(), wait()).prop_map(
        |(
            masked,
            group,
            policy,
            listed,
            empty,
            (reregistration, identity_link, queries_leave_records_out),
            second,
            read_after_create,
            operation,
        )| Quirks {
            masked_link_is_stored: masked,
            group_keys_are_kept: group,
            policy_keys_are_kept: policy,
            policies_are_listed: listed,
            lists_begin_empty: empty,
            queries_leave_records_out,
            reregistration,
            second_key_is_refused: second,
            identity_link,
            read_after_create,
            operation,
        },
    )
}

fn service() -> impl Strategy<Value = ServiceCase> {
    (rarely(40), rarely(95), any::<bool>(), any::<bool>(), rarely(30), rarely(15)).prop_map(
        |(existed, adopted, deleted, foreign, foreign_by_identity, roles_barred)| ServiceCase {
            existed,
            adopted,
            deleted,
            foreign,
            foreign_by_identity,
            roles_barred,
        },
    )
}

fn tenant() -> impl Strategy<Value = TenantCase> {
    let devices = prop_oneof![4 => vec(device(), 1), 2 => vec(device(), 2), 1 => vec(device(), 3)];
    let hubs = prop_oneof![3 => vec(hub(), 1), 2 => vec(hub(), 2)];
    (rarely(90), rarely(30), rarely(70), rarely(8), hubs, enrollment(), devices).prop_map(
        |(granted, group_existed, deleted, unprovisioned, hubs, enrollment, devices)| TenantCase {
            granted,
            group_existed,
            deleted,
            unprovisioned,
            hubs,
            enrollment,
            devices,
        },
    )
}

fn hub() -> impl Strategy<Value = HubCase> {
    (1_u8..4, prop_oneof![Just(1_u8), 1_u8..200], rarely(30), rarely(90), any::<bool>(), rarely(25))
        .prop_map(|(units, weight, existed, adopted, linked, by_identity)| HubCase { units, weight, existed, adopted, linked, by_identity })
}

fn enrollment() -> impl Strategy<Value = EnrollmentCase> {
    let proof = prop_oneof![
        5 => Just(Proof::Keys),
        2 => any::<bool>().prop_map(Proof::Signed),
        1 => any::<bool>().prop_map(Proof::Referred),
    ];
    (rarely(25), rarely(80), rarely(70), rarely(15), rarely(20), proof).prop_map(
        |(existed, adopted, deleted, disabled, secret_named, proof)| EnrollmentCase {
            existed,
            adopted,
            deleted,
            disabled,
            secret_named,
            proof,
        },
    )
}

fn device() -> impl Strategy<Value = DeviceCase> {
    let way = prop_oneof![5 => Just(Way::Group), 2 => Just(Way::Alone), 2 => (0_u8..2).prop_map(Way::Hub)];
    let hours = |often: f64| option::weighted(often, 4_u8..200);
    let held = (hours(0.4), hours(0.15), rarely(15), hours(0.5));
    let secret = (rarely(25), rarely(25), rarely(5));
    (way, option::weighted(0.25, 0_u8..3), rarely(30), held, secret, parting(), option::weighted(0.1, any::<bool>())).prop_map(
        |(way, id, called, held, secret, parting, enrolled)| {
            let (token, hub_token, connection_string, certificate) = held;
            let (secret_named, key_renamed, strange_secret) = secret;
            DeviceCase {
                way,
                id,
                called,
                token,
                hub_token,
                connection_string,
                certificate,
                secret_named,
                key_renamed,
                parting,
                enrolled,
                strange_secret,
            }
        },
    )
}

fn parting() -> impl Strategy<Value = Parting> {
    prop_oneof![4 => Just(Parting::Retain), 2 => Just(Parting::Disenroll), 1 => Just(Parting::Deprovision)]
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop_oneof![2 => (0_u16..2000).prop_map(Wait::Turns), 3 => Just(Wait::Stillness), 2 => (1_u16..90).prop_map(Wait::Minutes)];
    let cluster = prop_oneof![3 => Just(Vec::new()), 2 => vec(cluster_trouble(), 1..4)];
    let cloud = prop_oneof![3 => Just(Vec::new()), 2 => vec(cloud_trouble(), 1..4)];
    (actions::action(), cluster, cloud, wait).prop_map(|(action, cluster, cloud, wait)| Step { action, cluster, cloud, wait })
}

fn cluster_trouble() -> impl Strategy<Value = Trouble> {
    let moment = prop_oneof![6 => Just(Moment::Write), 2 => Just(Moment::Read), 1 => Just(Moment::Watch)];
    let status = prop_oneof![Just(429_u16), Just(500), Just(503), Just(409), Just(403), Just(504)];
    let mode = prop_oneof![
        3 => Just(Mode::LostBefore),
        4 => Just(Mode::LostAfter),
        1 => Just(Mode::Truncated),
        1 => Just(Mode::Slow),
        3 => status.prop_map(Mode::Status),
    ];
    (moment, 0_u8..12, mode).prop_map(|(moment, nth, mode)| Trouble { moment, nth, mode })
}

fn cloud_trouble() -> impl Strategy<Value = CloudTrouble> {
    let method = prop_oneof![2 => Just(Method::Any), 2 => Just(Method::Get), 4 => Just(Method::Put), 1 => Just(Method::Post), 2 => Just(Method::Delete)];
    let status = prop_oneof![Just(500_u16), Just(503), Just(502), Just(409), Just(412), Just(401), Just(404)];
    let fault = prop_oneof![
        2 => (0_u8..40).prop_map(CloudFault::Throttle),
        2 => status.prop_map(CloudFault::Status),
        3 => Just(CloudFault::LostBefore),
        4 => Just(CloudFault::LostAfter),
        1 => Just(CloudFault::Slow),
        2 => Just(CloudFault::Truncated),
    ];
    (method, 1_u8..9, fault).prop_map(|(method, nth, fault)| CloudTrouble { method, nth, fault })
}
