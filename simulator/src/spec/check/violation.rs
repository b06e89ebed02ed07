//! What the check has to say about one place.

use std::borrow::Cow;
use std::fmt;

use crate::spec::check::place::Place;

/// What rule was broken.
#[expect(missing_docs, reason = "most names say it")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    UnknownHost,
    UndeclaredPath,
    UndeclaredMethod,
    MissingApiVersion,
    UnknownApiVersion,
    UndeclaredQuery,
    MissingQuery,
    /// A conditional header that the operation does not know: the caller believes in a guard that is not there.
    UndeclaredHeader,
    MissingHeader,
    ContentType,
    UndeclaredBody,
    MissingBody,
    UndeclaredStatus,
    UndeclaredProperty,
    MissingProperty,
    WrongType,
    UnknownValue,
    Pattern,
    Range,
    Length,
    Format,
    /// An item twice in a list of different ones.
    Repeated,
    /// A property that only the service writes.
    ReadOnly,
    /// Another case than the declared one, or a slash at the end of a path.
    Spelling,
}

/// Whether a violation is a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The service refuses it, or does something else than the caller meant.
    Failure,
    /// The service reads over it, and nobody means it: it counts against who is held to the description.
    Tolerated,
    /// The service takes no notice of it.
    Ignored,
}

impl Kind {
    /// `Ignored` for what Azure drops without a word: read-only properties come back in every PUT that edits a
    /// GET (azure-cli and Terraform do so), and unknown conditional headers have no effect. `Tolerated` for what clients of the
    /// vendor's own send and the services answer all the same: they route without regard to case and to a slash at the end, read names and
    /// enumerations so, and leave alone what they do not know, a body where they want none included.
    pub fn severity(self) -> Severity {
        match self {
            Self::ReadOnly | Self::UndeclaredHeader => Severity::Ignored,
            Self::UndeclaredPath | Self::UndeclaredQuery | Self::UndeclaredBody | Self::UndeclaredProperty | Self::Spelling => {
                Severity::Tolerated
            }
            Self::UnknownHost
            | Self::UndeclaredMethod
            | Self::MissingApiVersion
            | Self::UnknownApiVersion
            | Self::MissingQuery
            | Self::MissingHeader
            | Self::ContentType
            | Self::MissingBody
            | Self::UndeclaredStatus
            | Self::MissingProperty
            | Self::WrongType
            | Self::UnknownValue
            | Self::Pattern
            | Self::Range
            | Self::Length
            | Self::Format
            | Self::Repeated => Severity::Failure,
        }
    }
}

/// One broken rule at one place; names the place and the rule, never a value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Violation {
    kind: Kind,
    place: String,
    rule: Cow<'static, str>,
}

impl Violation {
    pub(crate) fn new(kind: Kind, place: Place<'_>, rule: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, place: place.to_string(), rule: rule.into() }
    }

    /// What rule was broken.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where: like a JSON pointer, e.g. `body/properties/iotHubs/0/location`, `query/api-version`, `header/If-Match`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether this one counts.
    pub fn is_failure(&self) -> bool {
        self.kind.severity() != Severity::Ignored
    }

    /// Whether the service refuses it, whoever sends it.
    pub fn is_refused(&self) -> bool {
        self.kind.severity() == Severity::Failure
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place, self.rule)
    }
}
