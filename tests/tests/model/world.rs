//! A world of a case: its quirks, and what goes wrong in it.

use std::ops::Deref;
use std::time::Duration;

use jiff::SignedDuration;
use moorage_operator::controller::context::Installation;
use moorage_simulator::{
    Fault, IdentityLink, KeysLeftOut, Limits, MaskedLink, Match, Occurrence, Options, PoliciesOnGet, Reregistration, Rule, SecondKey,
    Variants,
};
use moorage_tests::harness::cloud_options;
use moorage_tests::world::{self, Setup, directly};

use crate::case::{Case, CloudFault, CloudTrouble, Method, OPERATOR, PLATFORM, Quirks, TENANTS};

/// Who the operator is.
pub const INSTALLATION: &str = "model";

/// A world.
pub struct World {
    world: world::World,
    roles_barred: bool,
}

impl Deref for World {
    type Target = world::World;

    fn deref(&self) -> &world::World {
        &self.world
    }
}

impl World {
    /// An empty world, with the namespaces of a case and an operator.
    pub async fn new(case: &Case) -> Self {
        let setup = Setup {
            cloud: options(&case.quirks),
            installation: Installation::new(INSTALLATION.to_owned(), OPERATOR.to_owned(), "here"),
            watched: Vec::new(),
            namespaces: TENANTS.iter().chain(&[PLATFORM]).map(|&namespace| namespace.to_owned()).collect(),
            reach: directly(),
        };
        let world = world::World::new(setup).await.expect("a simulator starts");
        world.cluster.lag(Duration::from_millis(u64::from(case.lag)));
        world.restart();
        let world = Self { world, roles_barred: case.service.roles_barred };
        world.trouble(&[]);
        world
    }

    /// What goes wrong from now on with the operator's requests to the cloud.
    pub fn trouble(&self, troubles: &[CloudTrouble]) {
        self.cloud.faults().clear();
        for rule in troubles.iter().map(|trouble| rule(*trouble)).chain(self.roles_barred.then(no_roles)) {
            self.cloud.faults().add(rule).expect("a rule whose path is a pattern");
        }
    }

    /// Ends all trouble, but not what the account may not do.
    pub fn peace(&self) {
        self.cluster.trouble(Vec::new());
        self.trouble(&[]);
    }
}

fn options(quirks: &Quirks) -> Options {
    let kept = |kept: bool| if kept { KeysLeftOut::Kept } else { KeysLeftOut::Regenerated };
    let variants = Variants {
        identity_link: match quirks.identity_link % 3 {
            0 => IdentityLink::Broken,
            1 => IdentityLink::Kept,
            _ => IdentityLink::Refused,
        },
        masked_link: if quirks.masked_link_is_stored { MaskedLink::StoredLiterally } else { MaskedLink::Kept },
        group_keys_left_out: kept(quirks.group_keys_are_kept),
        policy_keys_left_out: kept(quirks.policy_keys_are_kept),
        policies_on_get: if quirks.policies_are_listed { PoliciesOnGet::WithoutKeys } else { PoliciesOnGet::LeftOut },
        lists_begin_empty: quirks.lists_begin_empty,
        queries_leave_records_out: quirks.queries_leave_records_out,
        reregistration: match quirks.reregistration % 3 {
            0 => Reregistration::NothingUnlessMoved,
            1 => Reregistration::KeyUsed,
            _ => Reregistration::BothKeys,
        },
        second_key: if quirks.second_key_is_refused { SecondKey::Refused } else { SecondKey::Accepted },
        read_after_create: SignedDuration::from_secs(i64::from(quirks.read_after_create)),
        ..Variants::default()
    };
    let mut options = Options { variants, seed: Some("model".to_owned()), ..cloud_options() };
    options.latency.operation = SignedDuration::from_secs(i64::from(quirks.operation));
    // Devices poll in tokio's time, in which the domain stands still.
    options.latency.assignment = SignedDuration::ZERO;
    options.limits = Limits { polls_per_ten_seconds: 10_000, ..Limits::default() };
    options
}

fn rule(trouble: CloudTrouble) -> Rule {
    let method = match trouble.method {
        Method::Any => None,
        Method::Get => Some("GET"),
        Method::Put => Some("PUT"),
        Method::Post => Some("POST"),
        Method::Delete => Some("DELETE"),
    };
    let fault = match trouble.fault {
        CloudFault::Throttle(seconds) => Fault::Throttle { retry_after: u64::from(seconds) },
        CloudFault::Status(status) => Fault::Status(status),
        CloudFault::LostBefore => Fault::LostBefore,
        CloudFault::LostAfter => Fault::LostAfter,
        CloudFault::Slow => Fault::Slow(35_000),
        CloudFault::Truncated => Fault::Truncated,
    };
    let matching = Match { method: method.map(str::to_owned), ..Match::default() };
    Rule { matching, occurrence: Occurrence::Nth(u64::from(trouble.nth)), fault }
}

/// The account may do all but assign roles.
fn no_roles() -> Rule {
    let matching = Match { method: Some("PUT".to_owned()), path: Some("roleAssignments".to_owned()), ..Match::default() };
    Rule { matching, occurrence: Occurrence::Every, fault: Fault::Status(403) }
}
