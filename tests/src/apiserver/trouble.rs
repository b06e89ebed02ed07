//! What goes wrong with the operator's requests.

use serde::{Deserialize, Serialize};

/// One request that meets with trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Which one.
    pub moment: Moment,
    /// Which of those, counted from 0.
    pub nth: u8,
    /// What goes wrong.
    pub mode: Mode,
}

/// A sort of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Moment {
    /// One that may change something.
    Write,
    /// One that reads an object or a list.
    Read,
    /// One that begins a watch.
    Watch,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// No answer comes, and nothing has happened.
    LostBefore,
    /// No answer comes, and it has happened.
    LostAfter,
    /// The answer is cut off in the middle, and it has happened.
    Truncated,
    /// The answer comes after a while, longer than anybody waits.
    Slow,
    /// It is refused with this status.
    Status(u16),
}

#[derive(Debug, Default)]
pub(super) struct Troubles {
    planned: Vec<Trouble>,
    counts: [usize; 3],
}

impl Troubles {
    pub fn new(planned: Vec<Trouble>) -> Self {
        Self { planned, counts: [0; 3] }
    }

    /// What becomes of the next request of a sort.
    pub fn strike(&mut self, moment: Moment) -> Option<Mode> {
        let count = &mut self.counts[moment as usize];
        let nth = *count;
        *count += 1;
        self.planned.iter().find(|trouble| trouble.moment == moment && usize::from(trouble.nth) == nth).map(|trouble| trouble.mode)
    }
}
