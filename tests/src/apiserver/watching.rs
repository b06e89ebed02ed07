//! Watches: who is shown what, and how far they are.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Shared;
use super::body::Reply;
use super::objects::Happened;
use super::serving::Look;

/// Who watches.
#[derive(Debug, Default)]
pub(super) struct Watches {
    /// How long each event is held back.
    pub lag: Duration,
    /// Everyone who has begun, by what they look at.
    wanted: BTreeSet<String>,
    /// Everyone who may not, and will ask again.
    refused: BTreeSet<String>,
    open: BTreeMap<u64, Open>,
    counted: u64,
}

#[derive(Debug)]
struct Open {
    what: String,
    place: usize,
    ended: bool,
}

impl Watches {
    /// Somebody lists, and will watch.
    pub fn want(&mut self, what: &str) {
        self.wanted.insert(what.to_owned());
    }

    /// Somebody may not.
    pub fn refuse(&mut self, what: &str) {
        self.wanted.remove(what);
        self.refused.insert(what.to_owned());
    }

    /// Those who might not may now.
    pub fn permit(&mut self, which: impl Fn(&str) -> bool) {
        self.wanted.extend(self.refused.extract_if(.., |what| which(what)));
    }

    pub fn forget(&mut self) {
        self.wanted.clear();
        self.refused.clear();
    }

    pub fn end(&mut self, which: impl Fn(&str) -> bool) {
        for open in self.open.values_mut().filter(|open| which(&open.what)) {
            open.ended = true;
        }
    }

    /// Whether everyone who wants to watches, and is at a place of the history.
    pub fn have_seen(&self, head: usize) -> bool {
        self.wanted.iter().all(|wanted| self.open.values().any(|open| open.what == *wanted && open.place == head && !open.ended))
    }
}

/// One watch, as long as its stream lives.
struct Watch {
    shared: Arc<Shared>,
    look: Look,
    id: u64,
    place: usize,
    newest: watch::Receiver<u64>,
    until: Instant,
    /// Told before anything else.
    first: Vec<Value>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.lock().watches.open.remove(&self.id);
    }
}

/// A watch from a place of the history on, which begins with some events.
pub(super) fn begin(shared: &Arc<Shared>, look: Look, place: usize, first: Vec<Value>, lasts: Duration) -> Reply {
    let newest = shared.newest.subscribe();
    let mut state = shared.lock();
    state.watches.counted += 1;
    let id = state.watches.counted;
    state.watches.open.insert(id, Open { what: look.what.clone(), place, ended: false });
    drop(state);
    let first = first.into_iter().rev().collect();
    let watch = Watch { shared: shared.clone(), look, id, place, newest, until: Instant::now() + lasts, first };
    StreamBody::new(stream::unfold(watch, next)).boxed()
}

async fn next(mut watch: Watch) -> Option<(io::Result<Frame<Bytes>>, Watch)> {
    loop {
        watch.newest.borrow_and_update();
        if let Some(event) = watch.first.pop() {
            return Some((Ok(line(&event)), watch));
        }
        let lag = watch.shared.lock().watches.lag;
        match watch.look_on() {
            Seen::Event(event) => {
                if !lag.is_zero() {
                    tokio::time::sleep(lag).await;
                }
                watch.mark();
                return Some((Ok(line(&event)), watch));
            }
            Seen::Broken => return Some((Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the watch broke off")), watch)),
            Seen::Over => return None,
            Seen::Nothing => watch.mark(),
        }
        tokio::select! {
            _ = watch.newest.changed() => {}
            () = tokio::time::sleep_until(watch.until) => return None,
        }
    }
}

enum Seen {
    Event(Value),
    Nothing,
    Broken,
    Over,
}

impl Watch {
    /// The next event that concerns it, if there is one.
    fn look_on(&mut self) -> Seen {
        let mut state = self.shared.lock();
        let Some(open) = state.watches.open.get(&self.id) else { return Seen::Over };
        if open.ended {
            // Told once; then it is over.
            state.watches.open.remove(&self.id);
            return Seen::Broken;
        }
        let mut found = Seen::Nothing;
        for happened in state.objects.since(self.place) {
            self.place += 1;
            if let Some(event) = event(&self.look, happened) {
                found = Seen::Event(event);
                break;
            }
        }
        found
    }

    /// Tells how far it has been shown things.
    fn mark(&self) {
        if let Some(open) = self.shared.lock().watches.open.get_mut(&self.id) {
            open.place = self.place;
        }
    }
}

/// What happened, as the watch sees it: an object whose labels no longer fit is gone for it.
fn event(look: &Look, happened: &Happened) -> Option<Value> {
    if happened.collection != look.collection || look.namespace.as_ref().is_some_and(|namespace| *namespace != happened.namespace) {
        return None;
    }
    let before = happened.before.as_deref().is_some_and(|object| look.selects(object));
    let after = happened.after.as_deref().is_some_and(|object| look.selects(object));
    let type_ = match (before, after) {
        (false, false) => return None,
        (false, true) => "ADDED",
        (true, true) => "MODIFIED",
        (true, false) => "DELETED",
    };
    Some(json!({ "type": type_, "object": look.shown(&happened.told) }))
}

/// As the API server writes it: whoever knows the type can read the object as it comes.
fn line(event: &Value) -> Frame<Bytes> {
    Frame::data(Bytes::from(format!("{{\"type\":{},\"object\":{}}}\n", event["type"], event["object"])))
}
