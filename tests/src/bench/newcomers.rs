//! New objects, and the looks at old ones that must not hold them up.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use kube::api::{Api, PostParams};
use moorage_crds::DeviceCredential;
use tokio::task::JoinSet;

use super::arrivals::Arrivals;
use super::fleet;
use crate::controlplane::ControlPlane;
use crate::wait::{NotYet, until};

/// How many newcomers there are, and how long after each other they come: four seconds in all.
const NEWCOMERS: usize = 200;
const APART: Duration = Duration::from_millis(20);
/// An operator that has looked at nothing for so long has nothing left to do: longer than it waits for a watch to fill.
const STILL: Duration = Duration::from_secs(6);

/// What the operator has looked at, and what it has yet to look at.
const RECONCILIATIONS: &str = "moorage_reconciliations";
const DEPTH: &str = "moorage_queue_depth";

/// Creates newcomers as soon as the operator works, and gives the time that each took to be seen Ready.
pub(super) async fn come(
    control: &ControlPlane,
    namespace: &str,
    admin: SocketAddr,
    old: usize,
    arrivals: &mut Arrivals,
) -> anyhow::Result<Vec<Duration>> {
    until("the operator works", Duration::from_mins(1), || async {
        let answer = reqwest::get(format!("http://{admin}/readyz")).await?;
        if answer.status().is_success() { Ok(()) } else { Err(NotYet::seen(answer.status())) }
    })
    .await?;
    let api: Api<DeviceCredential> = Api::namespaced(control.admin(), namespace);
    let mut creations = JoinSet::new();
    let mut beat = tokio::time::interval(APART);
    for number in old..old + NEWCOMERS {
        beat.tick().await;
        let (api, name) = (api.clone(), fleet::device(number));
        creations.spawn(async move {
            let asked = Instant::now();
            api.create(&PostParams::default(), &fleet::cold(&name)?).await.with_context(|| format!("failed to create {name}"))?;
            anyhow::Ok((name, asked))
        });
    }
    let created = creations.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    arrivals.until(created.iter().map(|(name, _)| name.clone()), Duration::from_mins(1)).await?;
    let taken = created.iter().filter_map(|(name, asked)| Some(arrivals.when(name)? - *asked));
    Ok(taken.collect())
}

/// Waits until an operator has looked at so many objects and has nothing left to do.
pub(super) async fn until_at_rest(admin: SocketAddr, objects: usize, deadline: Duration) -> anyhow::Result<()> {
    let seen = Cell::new((0, Instant::now()));
    until("the operator is at rest", deadline, || async {
        let text = reqwest::get(format!("http://{admin}/metrics")).await?.text().await?;
        let looks = total(&text, &format!("{RECONCILIATIONS}_total"));
        let (before, since) = seen.get();
        if looks != before {
            seen.set((looks, Instant::now()));
        }
        let is_still = looks == before && since.elapsed() >= STILL;
        let is_done = looks >= objects && total(&text, DEPTH) == 0;
        if is_still && is_done { Ok(()) } else { Err(NotYet::seen(format!("{looks} looks"))) }
    })
    .await
}

/// The sum of a metric over its labels.
fn total(text: &str, metric: &str) -> usize {
    let of_metric = |line: &&str| line.strip_prefix(metric).is_some_and(|rest| rest.starts_with(['{', ' ']));
    let values = text.lines().filter(of_metric).filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
    values.sum()
}

#[cfg(test)]
mod tests {
    use moorage_crds::KindName;
    use moorage_operator::controller::{
        metrics::{Detail, Metrics},
        queue::Priority,
    };

    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels() {
        let text =
            "# TYPE moorage_calls counter\nmoorage_calls_total{host=\"a\"} 3\nmoorage_calls_total{host=\"b\"} 4\nmoorage_other_total 9\n";
        assert_eq!(total(text, "moorage_calls_total"), 7);
        assert_eq!(total(text, "moorage_other_total"), 9);
        assert_eq!(total(text, "moorage_calls"), 0);
    }

    #[test]
    fn the_operator_has_the_metrics_that_are_read() {
        let metrics = Metrics::default();
        metrics.reconciliation(KindName::DeviceCredential, Priority::Changed, "met");
        let text = metrics.text(Detail::Counts, [(Priority::Changed, 2), (Priority::Resync, 3)], true);
        assert_eq!((total(&text, &format!("{RECONCILIATIONS}_total")), total(&text, DEPTH)), (1, 5), "{text}");
    }
}
