//! Waiting by condition with a deadline.

use std::{fmt::Display, time::Duration};

const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What a look saw instead of the condition that is waited for.
#[derive(Debug)]
pub struct NotYet(String);

impl NotYet {
    /// The condition does not hold; `seen` is what holds instead, for the message if it never does.
    pub fn seen(seen: impl Display) -> Self {
        Self(seen.to_string())
    }
}

impl<E: std::error::Error> From<E> for NotYet {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Looks again and again until `look` succeeds.
///
/// # Errors
///
/// Names `what` and the last thing seen if `deadline` passes first, even in the midst of a look.
pub async fn until<T, F, Fut>(what: &str, deadline: Duration, mut look: F) -> anyhow::Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, NotYet>>,
{
    let mut last = String::from("no look has ended");
    let looks = async {
        loop {
            match look().await {
                Ok(found) => return found,
                Err(NotYet(seen)) => last = seen,
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    };
    let found = tokio::time::timeout(deadline, looks).await.ok();
    found.ok_or_else(|| anyhow::anyhow!("{what}: not within {} s; last seen: {last}", deadline.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::{NotYet, until};
    use std::time::Duration;

    #[tokio::test]
    async fn the_deadline_tells_what_was_seen_last() {
        let mut looks = 0;
        let failed = until::<(), _, _>("the tide turns", Duration::from_secs(1), || {
            looks += 1;
            let seen = if looks == 1 { "flood" } else { "still flood" };
            async move { Err(NotYet::seen(seen)) }
        })
        .await
        .expect_err("it never turns");
        assert_eq!(failed.to_string(), "the tide turns: not within 1 s; last seen: still flood");
    }
}
