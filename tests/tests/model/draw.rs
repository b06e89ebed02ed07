//! Cases at random: mostly small, mostly sane.

use moorage_tests::apiserver::{Mode, Moment, Trouble};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::prop_oneof;

use crate::case::{
    Action, Case, CloudFault, CloudTrouble, DeviceCase, EnrollmentCase, Hand, HubCase, Method, Quirks, Ref, ServiceCase, Step, Tampering,
    TenantCase, Wait,
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
    (doubt(), doubt(), doubt(), doubt(), doubt(), 0_u8..3, doubt(), wait(), wait()).prop_map(
        |(masked, group, policy, listed, empty, reregistration, second, read_after_create, operation)| Quirks {
            masked_link_is_stored: masked,
            group_keys_are_kept: group,
            policy_keys_are_kept: policy,
            policies_are_listed: listed,
            lists_begin_empty: empty,
            reregistration,
            second_key_is_refused: second,
            read_after_create,
            operation,
        },
    )
}

fn service() -> impl Strategy<Value = ServiceCase> {
    (rarely(40), rarely(95), any::<bool>(), any::<bool>()).prop_map(|(existed, adopted, deleted, foreign)| ServiceCase {
        existed,
        adopted,
        deleted,
        foreign,
    })
}

fn tenant() -> impl Strategy<Value = TenantCase> {
    let devices = prop_oneof![4 => vec(device(), 1), 2 => vec(device(), 2), 1 => vec(device(), 3)];
    let hubs = prop_oneof![3 => vec(hub(), 1), 2 => vec(hub(), 2)];
    (rarely(90), rarely(30), rarely(70), hubs, enrollment(), devices).prop_map(
        |(granted, group_existed, deleted, hubs, enrollment, devices)| TenantCase {
            granted,
            group_existed,
            deleted,
            hubs,
            enrollment,
            devices,
        },
    )
}

fn hub() -> impl Strategy<Value = HubCase> {
    (1_u8..4, prop_oneof![Just(1_u8), 1_u8..200], rarely(30), rarely(90), any::<bool>())
        .prop_map(|(units, weight, existed, adopted, linked)| HubCase { units, weight, existed, adopted, linked })
}

fn enrollment() -> impl Strategy<Value = EnrollmentCase> {
    (rarely(25), rarely(80), rarely(70), rarely(15), rarely(20), rarely(20)).prop_map(
        |(existed, adopted, deleted, disabled, at_home, secret_named)| EnrollmentCase {
            existed,
            adopted,
            deleted,
            disabled,
            at_home,
            secret_named,
        },
    )
}

fn device() -> impl Strategy<Value = DeviceCase> {
    let id = option::weighted(0.25, 0_u8..3);
    let token = option::weighted(0.4, 4_u8..200);
    (id, token, rarely(25), rarely(25), rarely(35), option::weighted(0.1, any::<bool>()), rarely(5)).prop_map(
        |(id, token, secret_named, key_renamed, disenrolled, enrolled, strange_secret)| DeviceCase {
            id,
            token,
            secret_named,
            key_renamed,
            disenrolled,
            enrolled,
            strange_secret,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop_oneof![2 => (0_u16..2000).prop_map(Wait::Turns), 3 => Just(Wait::Stillness), 2 => (1_u16..90).prop_map(Wait::Minutes)];
    let cluster = prop_oneof![3 => Just(Vec::new()), 2 => vec(cluster_trouble(), 1..4)];
    let cloud = prop_oneof![3 => Just(Vec::new()), 2 => vec(cloud_trouble(), 1..4)];
    (action(), cluster, cloud, wait).prop_map(|(action, cluster, cloud, wait)| Step { action, cluster, cloud, wait })
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

fn any_object() -> BoxedStrategy<Ref> {
    prop_oneof![
        1 => Just(Ref::Account),
        2 => Just(Ref::Service),
        3 => (0_u8..2).prop_map(Ref::Hubs),
        3 => (0_u8..2).prop_map(Ref::Group),
        3 => (0_u8..2, 0_u8..3).prop_map(|(t, d)| Ref::Device(t, d)),
    ]
    .boxed()
}

fn action() -> BoxedStrategy<Action> {
    let (t, n, yes) = (|| 0_u8..2, || 0_u8..3, any::<bool>);
    let of_objects = prop_oneof![
        2 => any_object().prop_map(Action::Reapply),
        4 => any_object().prop_map(Action::Delete),
        2 => any_object().prop_map(Action::Confirm),
        1 => (any_object(), yes()).prop_map(|(object, paused)| Action::Pause(object, paused)),
        1 => (any_object(), n()).prop_map(|(object, n)| Action::Sync(object, n)),
        2 => (any_object(), n()).prop_map(|(object, n)| Action::Recreate(object, n)),
        2 => (any_object(), yes()).prop_map(|(object, kept)| Action::Keep(object, kept)),
        2 => (any_object(), t(), yes()).prop_map(|(object, t, granted)| Action::Grant(object, t, granted)),
        2 => any_object().prop_map(Action::LoseStatus),
    ];
    let of_specs = prop_oneof![
        (t(), n(), 1_u8..6).prop_map(|(t, h, units)| Action::Resize(t, h, units)),
        (t(), n(), 1_u8..200).prop_map(|(t, h, weight)| Action::Weigh(t, h, weight)),
        (t(), n()).prop_map(|(t, h)| Action::DropHub(t, h)),
        (t(), yes()).prop_map(|(t, enabled)| Action::Enable(t, enabled)),
        (t(), n(), yes()).prop_map(|(t, d, named)| Action::RenameSecret(t, d, named)),
        (t(), n(), yes()).prop_map(|(t, d, named)| Action::RenameKey(t, d, named)),
        (t(), n(), option::of(4_u8..200)).prop_map(|(t, d, token)| Action::Token(t, d, token)),
        (t(), n(), yes()).prop_map(|(t, d, barred)| Action::Disenroll(t, d, barred)),
        (t(), n(), tampering()).prop_map(|(t, d, how)| Action::Tamper(t, d, how)),
        (t(), tampering()).prop_map(|(t, how)| Action::TamperKeys(t, how)),
        (t(), yes()).prop_map(|(t, barred)| Action::BarSecrets(t, barred)),
    ];
    let of_the_operator = prop_oneof![4 => Just(Action::Restart), 1 => yes().prop_map(Action::BreakWatches), 1 => Just(Action::Nothing)];
    let register = (t(), n()).prop_map(|(t, d)| Action::Register(t, d));
    prop_oneof![4 => of_objects, 4 => of_specs, 2 => of_the_operator, 1 => register, 4 => hand().prop_map(Action::Cloud)].boxed()
}

fn tampering() -> impl Strategy<Value = Tampering> {
    prop_oneof![Just(Tampering::Delete), Just(Tampering::Corrupt), Just(Tampering::StripAnnotations), Just(Tampering::StripLabels)]
}

fn hand() -> impl Strategy<Value = Hand> {
    let (t, n) = (|| 0_u8..2, || 0_u8..3);
    prop_oneof![
        1 => (t(), n(), 1_u8..6).prop_map(|(t, h, units)| Hand::Resize(t, h, units)),
        1 => (t(), n()).prop_map(|(t, h)| Hand::Tag(t, h)),
        2 => (t(), n()).prop_map(|(t, h)| Hand::DeleteHub(t, h)),
        2 => (t(), n()).prop_map(|(t, h)| Hand::Unlink(t, h)),
        2 => (t(), n()).prop_map(|(t, h)| Hand::RollLinkPolicy(t, h)),
        1 => Just(Hand::DeleteService),
        2 => t().prop_map(Hand::DeleteGroup),
        2 => t().prop_map(Hand::FreeGroup),
        1 => t().prop_map(Hand::DisableGroup),
        1 => (t(), n(), any::<bool>()).prop_map(|(t, d, enabled)| Hand::Enroll(t, d, enabled)),
        1 => (t(), n()).prop_map(|(t, d)| Hand::Unenroll(t, d)),
        1 => Just(Hand::ExpireTokens),
        1 => Just(Hand::RollClientSecret),
    ]
}
