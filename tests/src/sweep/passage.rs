//! What becomes of one request, whichever way it takes to its server.

use std::fmt;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::StatusCode;

use super::judge::{Judge, Mode, Side, Verdict};
use super::label::Label;

/// A request that can be served any number of times.
pub(super) trait Passage: Sized + Send + Sync {
    /// What comes back.
    type Answer: Send;
    /// What comes instead if there is no answer.
    type Error: Send;

    /// Has it served; the answer may go on for as long as it likes.
    fn pass(&self) -> impl Future<Output = Result<Self::Answer, Self::Error>> + Send;

    /// Has it served and waits for the end of the answer: then its effect has taken place.
    fn whole(&self) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The status of an answer.
    fn status(answer: &Self::Answer) -> u16;

    /// What the operator sees when the connection is lost.
    fn lost(why: &'static str) -> Self::Error;

    /// The same to be served later.
    fn later(self) -> (Bytes, Later);
}

/// A request that is served when this is waited for, and the status of its answer.
pub(super) type Later = BoxFuture<'static, anyhow::Result<StatusCode>>;

/// A request that is still on its way.
pub(super) struct Delayed {
    pub label: Label,
    pub side: Side,
    pub body: Bytes,
    pub serve: Later,
}

impl fmt::Debug for Delayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delayed").field("label", &self.label).finish_non_exhaustive()
    }
}

/// Does with a request what the judge says.
pub(super) async fn carry_out<P: Passage>(judge: &Judge, verdict: Verdict, side: Side, passage: P) -> Result<P::Answer, P::Error> {
    match verdict {
        Verdict::Pass(label) => {
            let answer = passage.pass().await?;
            if let Some(label) = label.filter(|_| P::status(&answer) >= 400) {
                judge.was_refused(label);
            }
            Ok(answer)
        }
        Verdict::Trouble(Mode::LostBefore, _) => Err(P::lost("lost before its effect")),
        Verdict::Trouble(Mode::LostAfter, _) => {
            passage.whole().await?;
            Err(P::lost("lost after its effect"))
        }
        Verdict::Trouble(Mode::Twice, _) => {
            passage.whole().await?;
            passage.pass().await
        }
        Verdict::Trouble(Mode::KilledAfter, _) => {
            passage.whole().await?;
            judge.kill();
            std::future::pending().await
        }
        Verdict::Trouble(Mode::Late, label) => {
            let (body, serve) = passage.later();
            judge.delay(Delayed { label, side, body, serve });
            std::future::pending().await
        }
        Verdict::Trouble(Mode::KilledBefore, _) | Verdict::Never => std::future::pending().await,
    }
}
