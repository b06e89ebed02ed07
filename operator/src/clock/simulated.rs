//! For tests: keeps the operator's clock where the simulator's is, and tells the simulator when there is nothing left to do.

use std::time::Duration;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use moorage_cloud::EndpointMap;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;

use crate::clock::Clock;

/// Any name will do: the simulator answers on all.
const URL: &str = "https://simulator.invalid/sim/clock/follow";
/// How often it is looked whether the operator has come to rest.
const LOOK: Duration = Duration::from_millis(5);

/// Whether nothing runs and nothing is due, and when something is due next.
pub type Rest = (bool, Option<Timestamp>);

/// Follows a simulator's clock.
pub struct Follower {
    http: reqwest::Client,
    name: String,
    offset: watch::Sender<SignedDuration>,
}

#[derive(Deserialize)]
struct Reading {
    now: Timestamp,
    offset_ns: i64,
}

impl Follower {
    /// A follower of the simulator that an endpoint map leads to, and the clock that it keeps.
    ///
    /// # Errors
    /// If the map's authority is no certificate.
    pub fn new(name: String, map: &EndpointMap) -> anyhow::Result<(Self, Clock)> {
        let authority = reqwest::Certificate::from_pem(map.ca_pem.as_bytes()).context("the simulator's authority is no certificate")?;
        let builder = reqwest::Client::builder().tls_certs_only([authority]).no_proxy().resolve("simulator.invalid", map.address);
        let http = builder.build().context("failed to build the client that follows the clock")?;
        let (offset, seen) = watch::channel(SignedDuration::ZERO);
        Ok((Self { http, name, offset }, Clock::following(seen)))
    }

    /// Takes the simulator's time once, before anything is decided.
    ///
    /// # Errors
    /// If the simulator does not answer.
    pub async fn take_time(&self) -> anyhow::Result<()> {
        let reading = self.ask(None, false, None).await?;
        self.offset.send_replace(SignedDuration::from_nanos(reading.offset_ns));
        Ok(())
    }

    /// Follows until it is dropped, and tells the simulator where the operator stands.
    pub async fn run(self, clock: Clock, rest: impl Fn() -> Rest) {
        let mut seen = clock.now();
        loop {
            let told = rest();
            let answer = tokio::select! {
                answer = self.ask(Some(seen), told.0, told.1) => answer,
                () = until_otherwise(&rest, &told) => continue,
            };
            match answer {
                Ok(reading) => {
                    self.offset.send_replace(SignedDuration::from_nanos(reading.offset_ns));
                    seen = reading.now;
                }
                Err(error) => {
                    tracing::debug!(%error, "the simulator's clock did not answer");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn ask(&self, seen: Option<Timestamp>, idle: bool, next: Option<Timestamp>) -> anyhow::Result<Reading> {
        let offset_ns = seen.map(|_| i64::try_from(self.offset.borrow().as_nanos()).unwrap_or(i64::MAX));
        let report = json!({ "name": self.name, "seen": seen, "offset_ns": offset_ns, "idle": idle, "next": next });
        let answer = self.http.post(URL).json(&report).send().await?.error_for_status()?;
        Ok(answer.json().await?)
    }
}

async fn until_otherwise(rest: &impl Fn() -> Rest, told: &Rest) {
    while rest() == *told {
        tokio::time::sleep(LOOK).await;
    }
}
