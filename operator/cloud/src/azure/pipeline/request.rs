//! What is asked of a service: operations, and single calls of them.

use azure_core::http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::azure::pipeline::paging::Continuation;
use crate::azure::pipeline::version::{ApiVersion, Spoken};
use crate::error::{Class, Detail, Error, Failure};
use crate::flow::limits::Quota;

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What must hold of a resource for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// Nothing is sent: the resource is to be created.
    Unset,
    /// The resource exists, in whatever state.
    Any,
    /// The resource is the one that was read with this `ETag`.
    Etag(String),
}

impl IfMatch {
    /// The condition that the resource is still as it was read, if it had an `ETag`.
    pub fn of(etag: Option<&str>) -> Self {
        etag.map_or(Self::Unset, |etag| Self::Etag(etag.to_owned()))
    }

    /// The header as the resource manager takes it, with the `ETag` as it was read.
    pub(crate) fn plain(&self) -> Option<String> {
        match self {
            Self::Unset => None,
            Self::Any => Some("*".to_owned()),
            Self::Etag(etag) => Some(etag.clone()),
        }
    }

    /// The header as the data planes take it, with the `ETag` in quotes.
    pub(crate) fn quoted(&self) -> Option<String> {
        match self {
            Self::Etag(etag) => Some(format!("\"{}\"", etag.trim_matches('"'))),
            Self::Unset | Self::Any => self.plain(),
        }
    }
}

/// One operation of a service: what it is called in errors and metrics, and how it counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    /// The metric label, such as `hub.get`.
    pub(crate) name: &'static str,
    /// What errors call it, such as `read IoT hub`.
    pub(crate) step: &'static str,
    pub(crate) method: Method,
    /// The path, with `{}` in place of each argument.
    pub(crate) template: &'static str,
    /// The api-versions that can be spoken: the newest that is known, for reads and writes alike, so that no write loses what only a
    /// newer one has a field for.
    pub(crate) version: ApiVersion,
    pub(crate) quota: Quota,
}

/// When a call was asked for, as against sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked(pub(crate) Instant);

/// One call of an operation.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) operation: Operation,
    target: Target,
    /// The version in which its body was read, if it is one that was read: no other may be written.
    pub(crate) read_in: Option<Spoken>,
    pub(crate) if_match: Option<String>,
    pub(crate) page: Option<PageRequest>,
    pub(crate) body: Option<Zeroizing<Vec<u8>>>,
}

/// Where a call goes on its host.
#[derive(Clone)]
enum Target {
    /// The path, escaped, and what its query has beside the api-version; none if an argument cannot be part of a path.
    Path(Option<String>, Vec<String>),
    /// Path and query as the service said them.
    Known(String),
}

/// Which page of a list is asked for.
#[derive(Clone)]
pub(crate) struct PageRequest {
    pub(crate) size: usize,
    pub(crate) after: Option<Continuation>,
}

impl Operation {
    /// The failure of a call that is not sent, because it would do harm or cannot be one.
    pub(crate) fn not_sent(self, why: &'static str) -> Error {
        Failure::new(self.step, Class::Invalid, Detail::NotSent, why).into()
    }

    pub(crate) fn call(self, arguments: &[&str]) -> Call {
        self.to(Target::Path(path(self.template, arguments), Vec::new()))
    }

    /// A call whose path and query are known already, such as the next page of a list.
    pub(crate) fn call_at(self, target: String) -> Call {
        self.to(Target::Known(target))
    }

    fn to(self, target: Target) -> Call {
        Call { operation: self, target, read_in: None, if_match: None, page: None, body: None }
    }
}

impl Call {
    pub(crate) fn query(mut self, pair: &str) -> Self {
        if let Target::Path(_, query) = &mut self.target {
            query.push(pair.to_owned());
        }
        self
    }

    /// The call that writes what was read, if it was.
    pub(crate) fn read_in(mut self, spoken: Option<Spoken>) -> Self {
        self.read_in = spoken;
        self
    }

    /// Path and query, escaped; none if an argument cannot be part of a path.
    pub(crate) fn target(&self, version: Spoken) -> Option<String> {
        match &self.target {
            Target::Known(target) => Some(target.clone()),
            Target::Path(path, query) => {
                let target = format!("{}?api-version={}", path.as_ref()?, version.version);
                Some(query.iter().fold(target, |target, pair| format!("{target}&{pair}")))
            }
        }
    }

    pub(crate) fn if_match(mut self, header: Option<String>) -> Self {
        self.if_match = header;
        self
    }

    pub(crate) fn page(mut self, size: usize, after: Option<Continuation>) -> Self {
        self.page = Some(PageRequest { size, after });
        self
    }

    pub(crate) fn body(mut self, body: Zeroizing<Vec<u8>>) -> Self {
        self.body = Some(body);
        self
    }
}

/// Fills a template; an argument that a URL would resolve away (`.` and `..`), or an empty one, is refused.
fn path(template: &str, arguments: &[&str]) -> Option<String> {
    let mut path = String::new();
    let mut arguments = arguments.iter();
    for (place, literal) in template.split("{}").enumerate() {
        if place > 0 {
            let argument = arguments.next().filter(|argument| !matches!(**argument, "" | "." | ".."))?;
            path.extend(utf8_percent_encode(argument, ESCAPED));
        }
        path.push_str(literal);
    }
    arguments.next().is_none().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::{IfMatch, path};

    #[test]
    fn an_argument_stays_within_its_segment_of_the_path() {
        let fill = |argument: &str| path("/devices/{}/modules", &[argument]);
        assert_eq!(fill("d1"), Some("/devices/d1/modules".to_owned()));
        assert_eq!(fill("a/../b?c#d%"), Some("/devices/a%2F..%2Fb%3Fc%23d%25/modules".to_owned()));
        assert_eq!(fill(".."), None);
        assert_eq!(fill("."), None);
        assert_eq!(fill(""), None);
    }

    #[test]
    fn an_etag_is_quoted_once_for_the_data_planes_and_left_alone_for_the_resource_manager() {
        let condition = IfMatch::Etag("\"AAA=\"".to_owned());
        assert_eq!(condition.quoted(), Some("\"AAA=\"".to_owned()));
        assert_eq!(IfMatch::of(Some("AAA=")).quoted(), Some("\"AAA=\"".to_owned()));
        assert_eq!(IfMatch::of(Some("AAA=")).plain(), Some("AAA=".to_owned()));
        assert_eq!(IfMatch::Any.quoted(), Some("*".to_owned()));
        assert_eq!(IfMatch::of(None).plain(), None);
    }
}
