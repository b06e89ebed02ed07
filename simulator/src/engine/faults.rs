//! The fault plan: which requests fail, and how.

use std::sync::{Mutex, MutexGuard};

use serde::{Deserialize, Serialize};

use crate::engine::http::Request;

/// One rule of the plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which requests the rule looks at.
    #[serde(default, rename = "match")]
    pub matching: Match,
    /// Which of those it hits.
    #[serde(default)]
    pub occurrence: Occurrence,
    /// What happens to them.
    pub fault: Fault,
}

/// The conditions of a rule; what is left out matches everything.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// The end of the host name, as `.example.com`.
    pub host: Option<String>,
    /// The method, as `PUT`.
    pub method: Option<String>,
    /// A regular expression that the path contains.
    pub path: Option<String>,
    /// The OpenAPI operation id.
    pub operation: Option<String>,
    /// The caller as the log names it, or its network address.
    pub caller: Option<String>,
}

/// How often a rule hits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occurrence {
    /// Every matching request.
    #[default]
    Every,
    /// Only the n-th matching request, counted from 1.
    Nth(u64),
    /// The first n matching requests.
    First(u64),
    /// This share of them, drawn from the simulator's seed.
    Probability(f64),
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// 429 with this `Retry-After`, without effect.
    Throttle {
        /// In seconds.
        retry_after: u64,
    },
    /// This status with the service's error body, without effect.
    Status(u16),
    /// The connection is closed before the request has its effect.
    LostBefore,
    /// The request has its effect, then the connection is closed.
    LostAfter,
    /// The answer comes this many milliseconds of real time later.
    Slow(u64),
    /// Half of the answer's body, then the connection is closed.
    Truncated,
    /// The answer's body is padded to this many bytes.
    Oversized(u64),
}

struct Planned {
    rule: Rule,
    path: Option<regex::Regex>,
    matched: u64,
}

#[derive(Default)]
struct Plan {
    rules: Vec<Planned>,
    hits: Vec<u64>,
    drawn: u64,
}

/// The plan in force, and what it has hit.
pub struct Faults {
    plan: Mutex<Plan>,
    seed: [u8; 32],
}

/// A rule's path is no regular expression.
#[derive(Debug, thiserror::Error)]
#[error("the path of a fault rule is no regular expression")]
pub struct BadRule(#[from] regex::Error);

impl Faults {
    pub(crate) fn new(seed: [u8; 32], rules: Vec<Rule>) -> Result<Self, BadRule> {
        let faults = Self { plan: Mutex::default(), seed };
        for rule in rules {
            faults.add(rule)?;
        }
        Ok(faults)
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().expect("nothing panics while the plan is held")
    }

    /// Adds a rule behind those that are there; the first that hits decides.
    ///
    /// # Errors
    /// The rule's path is no regular expression.
    pub fn add(&self, rule: Rule) -> Result<(), BadRule> {
        let path = rule.matching.path.as_deref().map(regex::Regex::new);
        let path = path.transpose()?;
        self.lock().rules.push(Planned { rule, path, matched: 0 });
        Ok(())
    }

    /// Forgets every rule; the hits stay known.
    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    /// The sequence numbers of the requests that were hit.
    pub fn hits(&self) -> Vec<u64> {
        self.lock().hits.clone()
    }

    /// The fault for this request, if a rule hits it.
    pub(crate) fn fault_for(&self, seq: u64, request: &Request, operation: Option<&str>, caller: &str) -> Option<Fault> {
        let mut plan = self.lock();
        let Plan { rules, hits, drawn } = &mut *plan;
        for planned in rules {
            if !planned.matches(request, operation, caller) {
                continue;
            }
            planned.matched += 1;
            let hit = match planned.rule.occurrence {
                Occurrence::Every => true,
                Occurrence::Nth(n) => planned.matched == n,
                Occurrence::First(n) => planned.matched <= n,
                Occurrence::Probability(share) => {
                    *drawn += 1;
                    crate::engine::keys::fraction(&self.seed, *drawn) < share
                }
            };
            if hit {
                hits.push(seq);
                return Some(planned.rule.fault);
            }
        }
        None
    }
}

impl Planned {
    fn matches(&self, request: &Request, operation: Option<&str>, caller: &str) -> bool {
        let rule = &self.rule.matching;
        let said = |wanted: &Option<String>, holds: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(holds);
        said(&rule.host, &|suffix| request.host.ends_with(suffix))
            && said(&rule.method, &|method| request.method.as_str().eq_ignore_ascii_case(method))
            && self.path.as_ref().is_none_or(|path| path.is_match(&request.path))
            && said(&rule.operation, &|id| operation == Some(id))
            && said(&rule.caller, &|who| caller == who || request.peer.address.to_string() == who)
    }
}
