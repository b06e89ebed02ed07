//! Programs that follow the domain clock and report when they are idle.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::clock::{Clock, Reading, State};

/// How long a follower's question is held before it is answered unchanged.
const LONG_POLL: Duration = Duration::from_secs(20);
/// How long after its last question a follower still counts.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

/// What a follower says of itself in `POST /sim/clock/follow`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    /// The follower's name; a later question of the same name replaces the earlier one.
    pub name: String,
    /// The domain time at which the follower looked at its work; null before it knows the clock.
    #[serde(default)]
    pub seen: Option<Timestamp>,
    /// The offset that the follower uses, where it knows it.
    #[serde(default)]
    pub offset_ns: Option<i64>,
    /// Whether it has nothing left to do at the time seen.
    pub idle: bool,
    /// When it next has something to do.
    #[serde(default)]
    pub next: Option<Timestamp>,
}

struct Follower {
    report: Report,
    /// The round in which the report came.
    round: u64,
    /// The offset of the last answer to this follower.
    told: Option<SignedDuration>,
    /// Counts its questions, so that an older one that is still held gives way.
    question: u64,
    heard: Instant,
}

#[derive(Default)]
pub(crate) struct Followers {
    known: BTreeMap<String, Follower>,
}

/// Whether a question is answered now.
enum Reply {
    Now,
    Later,
}

impl Followers {
    /// Drops whoever has not asked for a while; a held question is shorter than that.
    fn forget(&mut self) {
        self.known.retain(|_, follower| follower.heard.elapsed() < FORGOTTEN_AFTER);
    }

    pub fn shown(&self) -> Value {
        self.known
            .values()
            .map(|follower| {
                let report = &follower.report;
                json!({ "name": report.name, "idle": report.idle, "seen": report.seen, "next": report.next })
            })
            .collect()
    }
}

impl State {
    /// Notes a report and returns the number of the question.
    fn heard(&mut self, report: &Report) -> u64 {
        let round = self.round;
        let known = &mut self.followers.known;
        let (told, question) = known.get(&report.name).map_or((None, 0), |before| (before.told, before.question + 1));
        // Who does not know the clock is new, though it may bear the name of one that died: it is answered at once.
        let told = told.filter(|_| report.seen.is_some() || report.offset_ns.is_some());
        known.insert(report.name.clone(), Follower { report: report.clone(), round, told, question, heard: Instant::now() });
        question
    }

    /// Whether the follower's question is due for an answer.
    fn reply(&mut self, name: &str, question: u64) -> Reply {
        let (offset, round, stepped_to) = (self.offset, self.round, self.stepped_to);
        let Some(follower) = self.followers.known.get_mut(name) else {
            return Reply::Now;
        };
        if follower.question != question {
            return Reply::Now;
        }
        let report = &follower.report;
        let told = follower.told.replace(offset);
        let behind = match (told, report.offset_ns) {
            (None, _) => true,
            (Some(_), Some(theirs)) => i128::from(theirs) != offset.as_nanos(),
            (Some(told), None) => told != offset || stepped_to.is_some_and(|step| report.seen.is_none_or(|seen| seen < step)),
        };
        if behind || follower.round != round {
            return Reply::Now;
        }
        Reply::Later
    }

    /// The name of a follower that has not settled at the present time, with the reason.
    pub(crate) fn unsettled(&mut self) -> Option<String> {
        let now = self.now();
        self.followers.forget();
        let (round, offset, stepped_to) = (self.round, self.offset, self.stepped_to);
        self.followers.known.values().find_map(|follower| {
            let report = &follower.report;
            let in_time = match report.offset_ns {
                Some(theirs) => i128::from(theirs) == offset.as_nanos(),
                None => stepped_to.is_none_or(|step| report.seen.is_some_and(|seen| seen >= step)),
            };
            let why = if follower.round != round || !in_time {
                "has not reported at the present time"
            } else if !report.idle {
                "is busy"
            } else if report.next.is_some_and(|next| next <= now) {
                "has work due"
            } else {
                return None;
            };
            Some(format!("{} {why}", report.name))
        })
    }

    /// The earliest time at which a follower has something to do.
    pub(crate) fn next_of_followers(&self) -> Option<Timestamp> {
        self.followers.known.values().filter_map(|follower| follower.report.next).min()
    }
}

impl Clock {
    /// Takes a follower's report and answers when the offset differs from what it has seen, when an
    /// advance wants a fresh report, or after 20 seconds.
    pub async fn follow(&self, report: Report) -> Reading {
        let question = self.lock().heard(&report);
        self.changed.notify_waiters();
        let held = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if matches!(self.lock().reply(&report.name, question), Reply::Now) {
                    return;
                }
                changed.await;
            }
        };
        let _unchanged = tokio::time::timeout(LONG_POLL, held).await;
        self.read()
    }
}
