//! What a service declares of its OpenAPI: where its operations are, which files describe them, and where they are wrong.

use crate::spec::change::Change;

/// A set of operations that share hosts and their habits.
pub(crate) struct Plane {
    pub name: &'static str,
    /// Whether it answers at that host and path; what the files say of hosts (`host`, `x-ms-parameterized-host`) is a
    /// placeholder or an example, so it is not read.
    pub serves: fn(host: &str, path: &str) -> bool,
    /// Azure Resource Manager compares path segments without regard to case; data planes do not.
    pub ignores_case: bool,
    /// The file and the definition of the error body of whatever stands in front of the services.
    pub gateway_error: Option<(&'static str, &'static str)>,
}

/// The operations that some files describe together.
pub(crate) struct Api {
    pub name: &'static str,
    pub plane: &'static Plane,
}

/// One file under `specs/`; without an API it only holds definitions for the others.
pub(crate) struct Source {
    pub name: &'static str,
    pub text: &'static str,
    pub api: Option<&'static Api>,
}

/// Embeds a file under `specs/`.
macro_rules! source {
    ($path:literal) => {
        $crate::spec::declared::Source { name: $path, text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/specs/", $path)), api: None }
    };
    ($path:literal, $api:expr) => {
        $crate::spec::declared::Source {
            name: $path,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/specs/", $path)),
            api: Some($api),
        }
    };
}
pub(crate) use source;

/// Where a service is known to do something else than its file says.
pub struct Deviation {
    pub(crate) document: &'static str,
    pub(crate) changes: &'static [Change],
    pub(crate) reason: &'static str,
}

impl Deviation {
    /// The file under `specs/` that is read differently.
    pub fn document(&self) -> &'static str {
        self.document
    }

    /// Why.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

/// A version that clients use and for which no file of the vendor is kept, told as a difference from one that is.
pub struct Model {
    pub(crate) document: &'static str,
    pub(crate) version: &'static str,
    pub(crate) changes: &'static [Change],
    pub(crate) source: &'static str,
}

impl Model {
    /// The file under `specs/` that the version is told from.
    pub fn document(&self) -> &'static str {
        self.document
    }

    /// The api-version.
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// Where the difference was read.
    pub fn source(&self) -> &'static str {
        self.source
    }
}

/// All that a service declares.
///
/// Three deviations hold for every answer, seen in those recorded in Azure/azure-sdk-for-js: a failure may come in the
/// gateway's own error body, where one stands in front, and without a body; a deletion may answer without the resource
/// that the file declares; a body of `null` is none.
#[derive(Clone, Copy)]
pub(crate) struct Specs {
    pub sources: &'static [Source],
    pub deviations: &'static [Deviation],
    pub models: &'static [Model],
}

impl Specs {
    /// Of a service that publishes no OpenAPI.
    pub const NONE: Self = Self { sources: &[], deviations: &[], models: &[] };
}
