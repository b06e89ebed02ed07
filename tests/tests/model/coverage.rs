//! What the worlds of a run have exercised: a test that exercises nothing must fail.

use std::collections::{BTreeMap, BTreeSet};

use moorage_plan::Reason;

use crate::story::Story;

/// What has happened, and how often.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    pub counts: BTreeMap<String, usize>,
}

impl Coverage {
    /// What has happened in one world.
    pub fn of(story: &Story<'_>) -> Self {
        let mut coverage = Self::default();
        for step in &story.case.steps {
            let word = |text: String| text.split(['(', ' ']).take(2).collect::<Vec<_>>().join(" ");
            let action = match step.action {
                crate::case::Action::Cloud(hand) => format!("hand {}", word(format!("{hand:?}")).split(' ').next().unwrap_or_default()),
                action => format!("step {}", word(format!("{action:?}")).split(' ').next().unwrap_or_default()),
            };
            coverage.add(&action);
        }
        for object in story.case.objects() {
            coverage.add(&format!("kind {}", story.case.place(object).0));
        }
        for request in story.world.cloud.requests() {
            if let Some(fault) = request.fault {
                let fault = format!("{fault:?}");
                coverage.add(&format!("cloud fault {}", fault.split([' ', '(']).next().unwrap_or_default()));
            }
            if request.method == "PUT" && request.status == Some(201) {
                coverage.add("made in the cloud");
            }
        }
        for logged in story.world.cluster.log() {
            if let Some(mode) = logged.trouble {
                let mode = format!("{mode:?}");
                coverage.add(&format!("cluster fault {}", mode.split('(').next().unwrap_or_default()));
            }
        }
        for event in story.world.cluster.all("Event") {
            coverage.add(&format!("event {}", event["reason"].as_str().unwrap_or_default()));
        }
        for what in &story.reached {
            coverage.add(what);
        }
        coverage.add("worlds");
        *coverage.counts.entry("steps".to_owned()).or_default() += story.case.steps.len();
        coverage
    }

    fn add(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    /// Takes in what has happened in another.
    pub fn join(&mut self, other: &Self) {
        for (what, count) in &other.counts {
            *self.counts.entry(what.clone()).or_default() += count;
        }
    }

    /// How often something has happened.
    pub fn count(&self, what: &str) -> usize {
        self.counts.get(what).copied().unwrap_or(0)
    }

    /// Reasons that no Event had.
    pub fn unseen_reasons(&self) -> BTreeSet<&'static str> {
        Reason::ALL.iter().map(|reason| reason.as_str()).filter(|reason| self.count(&format!("event {reason}")) == 0).collect()
    }

    /// A table of it.
    pub fn table(&self) -> String {
        let lines: Vec<_> = self.counts.iter().map(|(what, count)| format!("{count:>8} {what}")).collect();
        lines.join("\n") + "\n"
    }
}
