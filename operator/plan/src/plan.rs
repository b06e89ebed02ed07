//! What was decided, and where that leaves an object.

use jiff::Timestamp;

use crate::Reason;

/// What an object wants of the world. Deletion is a goal, not a second code path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// It should be there, as its spec says.
    Present,
    /// It should be gone, as far as its deletion policy says.
    Absent,
}

/// Why an object stands where it stands: one word for machines, one sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The word: condition reason, Event reason, metric label.
    pub reason: Reason,
    /// The sentence: what is the case, and what to do about it.
    pub note: String,
}

impl Why {
    /// A reason with its sentence.
    pub fn new(reason: Reason, note: impl Into<String>) -> Self {
        Self { reason, note: note.into() }
    }
}

/// Where an object stands. Waiting is a state, not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Everything is as the goal says.
    Met,
    /// It comes by itself, with time or when a dependency moves.
    Reconciling(Why),
    /// It does not come by itself: somebody has to change something.
    Stalled(Why),
}

impl Standing {
    /// It comes by itself.
    pub fn reconciling(reason: Reason, note: impl Into<String>) -> Self {
        Self::Reconciling(Why::new(reason, note))
    }

    /// Somebody has to change something.
    pub fn stalled(reason: Reason, note: impl Into<String>) -> Self {
        Self::Stalled(Why::new(reason, note))
    }

    /// The reason, where there is one.
    pub fn why(&self) -> Option<&Why> {
        match self {
            Self::Met => None,
            Self::Reconciling(why) | Self::Stalled(why) => Some(why),
        }
    }
}

/// Everything that was decided: what to do now, where that leaves the object, and when to look again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<A> {
    /// Effects, in order; each may run twice, or be lost before or after it took effect.
    pub actions: Vec<A>,
    /// Where the object stands, as seen before the actions.
    pub standing: Standing,
    /// When the world may have moved by itself; `None` leaves it to the drift period.
    pub look_again: Option<Timestamp>,
    /// Whether what is there can be used now, even while something is still to be done.
    pub usable: bool,
    /// What somebody has changed in the cloud and is left so, as a sentence.
    pub drift: Option<String>,
}

impl<A> Plan<A> {
    /// Nothing to do: the goal is met.
    pub fn met() -> Self {
        Self { actions: Vec::new(), standing: Standing::Met, look_again: None, usable: true, drift: None }
    }

    /// Nothing to do yet; look again at `when`, or when something that the object depends on changes.
    pub fn wait(reason: Reason, note: impl Into<String>, when: Option<Timestamp>) -> Self {
        Self { actions: Vec::new(), standing: Standing::Reconciling(Why::new(reason, note)), look_again: when, usable: false, drift: None }
    }

    /// Nothing to do until somebody changes something.
    pub fn stalled(reason: Reason, note: impl Into<String>) -> Self {
        Self { actions: Vec::new(), standing: Standing::Stalled(Why::new(reason, note)), look_again: None, usable: false, drift: None }
    }

    /// Actions to perform now, after which the world is observed anew.
    pub fn act(actions: Vec<A>, reason: Reason, note: impl Into<String>) -> Self {
        Self { actions, standing: Standing::Reconciling(Why::new(reason, note)), look_again: None, usable: false, drift: None }
    }

    /// The same plan, with its actions as those of another.
    pub fn map<B>(self, of: impl FnMut(A) -> B) -> Plan<B> {
        let Self { actions, standing, look_again, usable, drift } = self;
        Plan { actions: actions.into_iter().map(of).collect(), standing, look_again, usable, drift }
    }

    /// The same plan, to be looked at again no later than `when`.
    #[must_use]
    pub fn by(mut self, when: Option<Timestamp>) -> Self {
        self.look_again = match (self.look_again, when) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self
    }

    /// The same plan, where what is there can or cannot be used now.
    #[must_use]
    pub fn usable(mut self, usable: bool) -> Self {
        self.usable = usable;
        self
    }

    /// The same plan, where a difference in the cloud is left as it is.
    #[must_use]
    pub fn drifted(mut self, note: impl Into<String>) -> Self {
        self.drift = Some(note.into());
        self
    }
}
