//! Where in a request or an answer something stands.

use std::fmt;

/// The longest piece of a caller's own name that is repeated in a report.
const LONGEST_NAME: usize = 64;

/// A place, as a chain of steps on the stack; written out only when something is reported.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    Root(&'a str),
    Key(&'a Place<'a>, &'a str),
    Index(&'a Place<'a>, usize),
}

impl<'a> Place<'a> {
    pub(crate) fn key(&'a self, name: &'a str) -> Self {
        Self::Key(self, name)
    }

    pub(crate) fn index(&'a self, index: usize) -> Self {
        Self::Index(self, index)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => f.write_str(name),
            Self::Key(parent, name) => {
                write!(f, "{parent}/")?;
                write_name(f, name)
            }
            Self::Index(parent, index) => write!(f, "{parent}/{index}"),
        }
    }
}

fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    for (nth, character) in name.chars().enumerate() {
        match character {
            _ if nth == LONGEST_NAME => return f.write_str("…"),
            '~' => f.write_str("~0")?,
            '/' => f.write_str("~1")?,
            control if control.is_control() => f.write_str("\u{fffd}")?,
            other => write!(f, "{other}")?,
        }
    }
    Ok(())
}
