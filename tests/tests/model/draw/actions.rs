//! What somebody does, at random.

use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::prop_oneof;

use super::parting;
use crate::case::{Action, Hand, Ref, Tampering};

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

/// Whatever somebody may do.
pub fn action() -> BoxedStrategy<Action> {
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
        (t(), n(), parting()).prop_map(|(t, d, parting)| Action::Part(t, d, parting)),
        (t(), n(), yes()).prop_map(|(t, d, alone)| Action::Enroll(t, d, alone)),
        (t(), n(), n()).prop_map(|(t, d, n)| Action::Reprovision(t, d, n)),
        (t(), n(), tampering()).prop_map(|(t, d, how)| Action::Tamper(t, d, how)),
        (t(), tampering()).prop_map(|(t, how)| Action::TamperKeys(t, how)),
        (t(), yes()).prop_map(|(t, barred)| Action::BarSecrets(t, barred)),
    ];
    let hours = || option::of(4_u8..200);
    let of_contents = prop_oneof![
        (t(), n(), hours()).prop_map(|(t, d, token)| Action::Token(t, d, token)),
        (t(), n(), hours()).prop_map(|(t, d, token)| Action::HubToken(t, d, token)),
        (t(), n(), yes()).prop_map(|(t, d, asked)| Action::ConnectionString(t, d, asked)),
        (t(), n(), hours()).prop_map(|(t, d, hours)| Action::Certificate(t, d, hours)),
    ];
    let second = || option::of(0_u8..2);
    let of_trust = prop_oneof![
        2 => (t(), n(), yes()).prop_map(|(t, h, identity)| Action::Authenticate(t, h, identity)),
        2 => (t(), n()).prop_map(|(t, h)| Action::Relink(t, h)),
        1 => yes().prop_map(Action::Identity),
        2 => (t(), n(), second()).prop_map(|(t, primary, secondary)| Action::Sign(t, primary, secondary)),
        1 => (t(), n(), second()).prop_map(|(t, primary, secondary)| Action::Refer(t, primary, secondary)),
        1 => (t(), n()).prop_map(|(t, n)| Action::RenewAuthority(t, n)),
        1 => (t(), n(), tampering()).prop_map(|(t, n, how)| Action::TamperAuthority(t, n, how)),
    ];
    let of_the_operator = prop_oneof![4 => Just(Action::Restart), 1 => yes().prop_map(Action::BreakWatches), 1 => Just(Action::Nothing)];
    let register = (t(), n()).prop_map(|(t, d)| Action::Register(t, d));
    prop_oneof![4 => of_objects, 4 => of_specs, 1 => of_contents, 2 => of_trust, 2 => of_the_operator, 1 => register, 4 => hand().prop_map(Action::Cloud)].boxed()
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
        1 => (t(), n()).prop_map(|(t, h)| Hand::TakeRole(t, h)),
        1 => (t(), n()).prop_map(|(t, h)| Hand::GiveRole(t, h)),
        1 => (t(), n()).prop_map(|(t, n)| Hand::Upload(t, n)),
        1 => (t(), n()).prop_map(|(t, d)| Hand::DisableDevice(t, d)),
        1 => (t(), n()).prop_map(|(t, d)| Hand::DeleteDevice(t, d)),
        1 => (t(), n()).prop_map(|(t, d)| Hand::ReplaceDevice(t, d)),
        1 => Just(Hand::ExpireTokens),
        1 => Just(Hand::RollClientSecret),
    ]
}
