//! One run: from nothing to Ready, through a change, to nothing again, with one thing that goes wrong on the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use jiff::SignedDuration;
use moorage_simulator::LoggedRequest;
use serde_json::Value;

use super::crew::Crew;
use super::fixture::{Fixture, Tenant};
use super::judge::{Judge, Side, Trouble};
use super::label::Label;
use super::log::Log;
use super::world::{self, difference};
use crate::controlplane::ControlPlane;
use crate::stage::{Stage, cloud_options, condition};

/// How long, in real time, the world may take to a checkpoint.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long, in real time, a world that is not known beforehand must last.
const LASTING: Duration = Duration::from_secs(2);
/// How far the clock is moved on when the operator waits for a time.
const STRIDE: SignedDuration = SignedDuration::from_secs(2);
/// Longer than any kind leaves a cloud unlooked at.
const DRIFT: SignedDuration = SignedDuration::from_mins(31);
/// How long one stride of the clock may take, in real time, before it is looked again.
const STRIDE_PATIENCE: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// What a run is made of.
#[derive(Clone)]
pub struct Run {
    /// Where.
    pub control: &'static ControlPlane,
    /// Whom it is about.
    pub tenant: Tenant,
    /// A name that no other run has.
    pub name: String,
    /// What goes wrong, if anything.
    pub trouble: Option<Trouble>,
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
    /// The effects, with the number of their occurrences.
    pub counts: BTreeMap<Label, usize>,
    /// Whether what was to go wrong did.
    pub struck: bool,
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
    let Run { control, tenant, name, trouble, expected, log } = run;
    let fixture = Fixture::new(tenant, &name)?;
    let options = moorage_simulator::Options { patience: STRIDE_PATIENCE, ..cloud_options() };
    let stage = Stage::set(control, &name, &fixture.namespaces(), options).await?;
    stage.cloud().seed(|azure| fixture.past(azure));
    let before = world::cloud(&stage, &fixture);
    let (judge, deaths) = Judge::new(trouble.clone());
    let judge = Arc::new(judge);
    let crew = Crew::aboard(stage.launch(), judge.clone(), deaths, log.clone()).await?;
    let _signer = fixture.cert_manager(&stage);
    let view = View { stage: &stage, fixture: &fixture, crew: &crew, judge: &judge, trouble: trouble.as_ref(), log: &log };
    let wanted = |of: fn(&Checkpoints) -> &String| expected.as_deref().map(|checkpoints| of(checkpoints).as_str());

    log.note("everything is applied");
    fixture.apply(&stage).await?;
    let ready = view.comes_to("everything is Ready", All::Ready, wanted(|points| &points.ready)).await?;
    log.note("what was applied is changed");
    fixture.change(&stage).await?;
    let changed = view.stays_at("the change is made", All::Ready, wanted(|points| &points.changed)).await?;
    log.note("everything is deleted");
    fixture.delete(&stage).await?;
    let gone = view.stays_at("everything is gone", All::Gone, wanted(|points| &points.gone)).await?;

    let left = difference(&before, &world::cloud(&stage, &fixture));
    if !left.is_empty() {
        bail!("the cloud is not as it was found:\n{left}");
    }
    let violations = stage.cloud().violations();
    if !violations.is_empty() {
        bail!("requests break the vendor's OpenAPI:\n{}", violations.join("\n"));
    }
    Ok(Ended {
        tenant,
        checkpoints: Checkpoints { ready, changed, gone },
        counts: judge.counts(),
        struck: judge.has_struck(),
        user: stage.operator_user().to_owned(),
        requests: stage.cloud().requests(),
    })
}

/// What all objects are to be.
#[derive(Clone, Copy)]
enum All {
    Ready,
    Gone,
}

struct View<'a> {
    stage: &'a Stage,
    fixture: &'a Fixture,
    crew: &'a Crew,
    judge: &'a Judge,
    trouble: Option<&'a Trouble>,
    log: &'a Log,
}

impl View<'_> {
    /// The same, and if a request is late, it is served then: it must do no harm that a look for drift does not mend.
    async fn stays_at(&self, what: &str, all: All, expected: Option<&str>) -> anyhow::Result<String> {
        let world = self.comes_to(what, all, expected).await?;
        let Some(late) = self.judge.delayed() else { return Ok(world) };
        let made: Value = serde_json::from_slice(&late.body).unwrap_or_default();
        let (side, status) = (late.upstream.side, late.serve().await?);
        self.log.note(&format!("the late request is served: {status}"));
        match self.trouble {
            _ if side != Side::Cluster || status.is_client_error() => {}
            Some(trouble) if trouble.label.is_claim_of_a_barred_device() => {
                self.fixture.strike_claim(self.stage, made["metadata"]["name"].as_str().unwrap_or_default()).await?;
            }
            Some(trouble) if self.fixture.cast().recalled.is_some_and(|device| trouble.label.is_order_for(device)) => {}
            _ => bail!("the API server took a late request: {status}"),
        }
        // It ends early when the operator is busy.
        let deadline = Instant::now() + PATIENCE;
        while self.stage.cloud().advance(DRIFT).await.is_err() && Instant::now() < deadline {}
        self.comes_to(&format!("{what}, and so it is after a late request"), all, Some(&world)).await
    }

    /// Waits until the operator is at rest in the world that is wanted, and still is a little later; moves the clock meanwhile. What is
    /// not known beforehand must last longer: others may be at work, of which the operator has not heard yet.
    async fn comes_to(&self, what: &str, all: All, expected: Option<&str>) -> anyhow::Result<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut last: Option<(String, Instant)> = None;
        loop {
            let mut why = "the operator does not come to rest".to_owned();
            if self.is_at_rest().await {
                why = match self.missing(all).await? {
                    Some(missing) => missing,
                    None => match (self.world().await?, expected) {
                        (world, Some(expected)) if expected != world => format!("the world differs:\n{}", difference(expected, &world)),
                        (world, _) => match &last {
                            Some((before, since)) if *before == world && (expected.is_some() || since.elapsed() > LASTING) => {
                                return Ok(world);
                            }
                            Some((before, _)) if *before == world => "it has not lasted".to_owned(),
                            _ => {
                                last = Some((world, Instant::now()));
                                "it does not last".to_owned()
                            }
                        },
                    },
                };
                // It fails when the operator is busy, or dead: then there is no need to hurry time.
                let _stride = self.stage.cloud().advance(STRIDE).await;
            }
            if Instant::now() > deadline {
                bail!("{what}: not within {} s: {why}", PATIENCE.as_secs());
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    async fn is_at_rest(&self) -> bool {
        let Some(env) = self.crew.env().await else { return false };
        env.stores.complete() && env.queue.rest().0 && env.freshness.is_empty()
    }

    async fn world(&self) -> anyhow::Result<String> {
        Ok(format!("{}\n{}", world::cluster(self.stage, self.fixture).await?, world::cloud(self.stage, self.fixture)))
    }

    /// The first object that is not as it is to be, if any.
    async fn missing(&self, all: All) -> anyhow::Result<Option<String>> {
        for part in self.fixture.parts() {
            let object = self.stage.objects(part.kind, &part.namespace).get_opt(part.name).await?;
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
