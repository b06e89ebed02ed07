//! One run: from nothing to Ready, through a change, to nothing again, with things that go wrong on the way.

use std::sync::Arc;

use anyhow::bail;
use moorage_simulator::LoggedRequest;
use serde_json::Value;

use super::fixture::{Fixture, Tenant};
use super::judge::{Counts, Judge, Side, Trouble};
use super::log::Log;
use super::passage::Delayed;
use super::place::{Place, Server};
use super::world::{self, difference};
use crate::harness::condition;

/// What a run is made of.
#[derive(Clone)]
pub struct Run {
    /// Where.
    pub server: Server,
    /// Whom it is about.
    pub tenant: Tenant,
    /// A name that no other run has.
    pub name: String,
    /// What goes wrong, if anything.
    pub troubles: Vec<Trouble>,
    /// How the world must be; whatever it comes to if `None`.
    pub expected: Option<Arc<Checkpoints>>,
    /// Where the operator logs to.
    pub log: Log,
}

/// The world, cluster and cloud, at certain times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// When everything is Ready.
    pub ready: String,
    /// When it is Ready again after a change.
    pub changed: String,
    /// When everything was deleted.
    pub gone: String,
}

/// How a run ended.
pub struct Ended {
    /// Whom it was about.
    pub tenant: Tenant,
    /// The worlds.
    pub checkpoints: Checkpoints,
    /// The effects of each phase, with the number of their occurrences.
    pub counts: Counts,
    /// Those of them that were refused.
    pub refused: Counts,
    /// Which of what was to go wrong did.
    pub struck: Vec<bool>,
    /// The operator's name in the audit log.
    pub user: String,
    /// What the cloud was asked for.
    pub requests: Vec<LoggedRequest>,
}

/// Runs.
///
/// # Errors
/// With what differs, if the world does not come to what is expected of it.
pub async fn run(run: Run) -> anyhow::Result<Ended> {
    let Run { server, tenant, name, troubles, expected, log } = run;
    let fixture = Fixture::new(tenant, &name)?;
    let (judge, deaths) = Judge::new(troubles);
    let judge = Arc::new(judge);
    let mut place = Place::new(server, &name, &fixture, &judge).await?;
    let env = place.env().clone();
    let before = world::cloud(&env, &fixture);
    place.start(&judge, deaths, &log).await?;
    let _signer = fixture.cert_manager(&env);
    let view = View { place: &place, fixture: &fixture, judge: &judge, log: &log };
    let wanted = |of: fn(&Checkpoints) -> &String| expected.as_deref().map(|checkpoints| of(checkpoints).as_str());

    log.note("everything is applied");
    fixture.apply(&env).await?;
    let ready = view.comes_to("everything is Ready", All::Ready, wanted(|points| &points.ready)).await?;
    log.note("what was applied is changed");
    judge.begin_phase();
    fixture.change(&env).await?;
    let changed = view.stays_at("the change is made", All::Ready, wanted(|points| &points.changed)).await?;
    log.note("everything is deleted");
    judge.begin_phase();
    fixture.delete(&env).await?;
    let gone = view.stays_at("everything is gone", All::Gone, wanted(|points| &points.gone)).await?;

    let left = difference(&before, &world::cloud(&env, &fixture));
    if !left.is_empty() {
        bail!("the cloud is not as it was found:\n{left}");
    }
    let violations = env.cloud().violations();
    if !violations.is_empty() {
        bail!("requests break the vendor's OpenAPI:\n{}", violations.join("\n"));
    }
    Ok(Ended {
        tenant,
        checkpoints: Checkpoints { ready, changed, gone },
        counts: judge.counts(),
        refused: judge.refused(),
        struck: judge.struck(),
        user: place.operator_user().to_owned(),
        requests: env.cloud().requests(),
    })
}

/// What all objects are to be.
#[derive(Clone, Copy)]
enum All {
    Ready,
    Gone,
}

struct View<'a> {
    place: &'a Place,
    fixture: &'a Fixture,
    judge: &'a Judge,
    log: &'a Log,
}

impl View<'_> {
    /// The same, and if a request is late, it is served then: it must do no harm that a look for drift does not mend.
    async fn stays_at(&self, what: &str, all: All, expected: Option<&str>) -> anyhow::Result<String> {
        let world = self.comes_to(what, all, expected).await?;
        let late = self.judge.delayed();
        if late.is_empty() {
            return Ok(world);
        }
        for late in late {
            self.serve(late).await?;
        }
        self.place.drift().await;
        self.comes_to(&format!("{what}, and so it is after a late request"), all, Some(&world)).await
    }

    async fn serve(&self, late: Delayed) -> anyhow::Result<()> {
        let made: Value = serde_json::from_slice(&late.body).unwrap_or_default();
        let status = late.serve.await?;
        self.log.note(&format!("the late request is served: {status}"));
        if late.side != Side::Cluster || status.is_client_error() {
            return Ok(());
        }
        if late.label.is_claim_of_a_disenrolled_device() {
            return self.fixture.strike_claim(self.place.env(), made["metadata"]["name"].as_str().unwrap_or_default()).await;
        }
        if !self.fixture.cast().recalled.is_some_and(|device| late.label.is_order_for(device)) {
            bail!("the API server took a late request: {status}");
        }
        Ok(())
    }

    /// Waits until the operator is at rest in the world that is wanted, and still is a little later; moves the clock meanwhile. What is
    /// not known beforehand must last longer: others may be at work, of which the operator has not heard yet.
    async fn comes_to(&self, what: &str, all: All, expected: Option<&str>) -> anyhow::Result<String> {
        let begun = self.place.moment();
        let mut last = None;
        loop {
            let mut why = "the operator does not come to rest".to_owned();
            if self.place.is_at_rest().await {
                why = match self.missing(all).await? {
                    Some(missing) => missing,
                    None => match (self.world().await?, expected) {
                        (world, Some(expected)) if expected != world => format!("the world differs:\n{}", difference(expected, &world)),
                        (world, _) => match &last {
                            Some((before, since)) if *before == world && (expected.is_some() || self.place.has_lasted(since)) => {
                                return Ok(world);
                            }
                            Some((before, _)) if *before == world => "it has not lasted".to_owned(),
                            _ => {
                                last = Some((world, self.place.moment()));
                                "it does not last".to_owned()
                            }
                        },
                    },
                };
                self.place.stride().await;
            }
            if let Some(patience) = self.place.too_long(&begun) {
                bail!("{what}: not within {} s: {why}", patience.as_secs());
            }
            self.place.pause().await;
        }
    }

    async fn world(&self) -> anyhow::Result<String> {
        let env = self.place.env();
        Ok(format!("{}\n{}", world::cluster(env, self.fixture).await?, world::cloud(env, self.fixture)))
    }

    /// The first object that is not as it is to be, if any.
    async fn missing(&self, all: All) -> anyhow::Result<Option<String>> {
        for part in self.fixture.parts() {
            let object = self.place.env().objects(part.kind, &part.namespace).get_opt(part.name).await?;
            let object = object.map(serde_json::to_value).transpose()?;
            let fine = match (all, &object) {
                (All::Ready, Some(object)) => is_ready(object),
                (All::Gone, None) => true,
                (All::Ready, None) | (All::Gone, Some(_)) => false,
            };
            if !fine {
                let conditions = object.map(|object| object["status"]["conditions"].to_string());
                return Ok(Some(format!("{} {}: {}", part.kind, part.name, conditions.unwrap_or_else(|| "not there".to_owned()))));
            }
        }
        Ok(None)
    }
}

fn is_ready(object: &Value) -> bool {
    let is = |type_: &str, wanted: &str| condition(object, type_).is_some_and(|(status, _)| status == wanted);
    let settled = object["status"]["observedGeneration"] == object["metadata"]["generation"];
    settled && is("Ready", "True") && is("Reconciling", "False")
}
