//! Path templates: parsing and matching.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

enum Segment {
    Literal(String),
    One(String),
    /// One segment or more: a parameter that is written into the address with its slashes.
    Many(String),
}

/// A path of a file, e.g. `/enrollmentGroups/{id}`; may end in a fixed query (`x-ms-paths`).
pub(crate) struct Template {
    segments: Vec<Segment>,
    /// Names with their values, or with any value.
    fixed_query: Vec<(String, Option<String>)>,
}

/// How exact a template is, from left to right; the greater one wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Exactness(usize, Vec<u8>);

/// The decoded segments of a request's path.
pub(crate) fn split(path: &str) -> Vec<Cow<'_, str>> {
    path.strip_prefix('/').unwrap_or(path).split('/').map(|segment| percent_decode_str(segment).decode_utf8_lossy()).collect()
}

impl Template {
    /// Reads a template; `spans` tells which parameters take several segments.
    pub(crate) fn parse(text: &str, spans: impl Fn(&str) -> bool) -> Self {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let segments = path.strip_prefix('/').unwrap_or(path).split('/').map(|segment| {
            match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) if spans(name) => Segment::Many(name.to_owned()),
                Some(name) => Segment::One(name.to_owned()),
                None => Segment::Literal(segment.to_owned()),
            }
        });
        Self { segments: segments.collect(), fixed_query: query.split('&').filter(|pair| !pair.is_empty()).map(fixed).collect() }
    }

    /// Whether the path fits, and the fixed part of the query is there.
    pub(crate) fn fits(&self, path: &[Cow<'_, str>], query: &[(String, String)], any_case: bool) -> bool {
        fits(&self.segments, path, any_case) && self.fixed_query.iter().all(|pair| is_given(pair, query))
    }

    /// What the parameters of a fitting path stand for.
    pub(crate) fn bindings<'t, 'p>(&'t self, path: &'p [Cow<'_, str>]) -> impl Iterator<Item = (&'t str, Cow<'p, str>)> {
        let several = path.len().saturating_sub(self.segments.len()) + 1;
        let mut at = 0;
        self.segments.iter().filter_map(move |segment| {
            let start = at;
            at += if matches!(segment, Segment::Many(_)) { several } else { 1 };
            let taken = path.get(start..at.min(path.len()))?;
            match segment {
                Segment::Literal(_) => None,
                Segment::One(name) => Some((name.as_str(), Cow::Borrowed(taken.first()?.as_ref()))),
                Segment::Many(name) => Some((name.as_str(), Cow::Owned(taken.join("/")))),
            }
        })
    }

    pub(crate) fn fixes(&self, query: &str) -> bool {
        self.fixed_query.iter().any(|(name, _)| name == query)
    }

    pub(crate) fn exactness(&self) -> Exactness {
        let ranks = self.segments.iter().map(|segment| match segment {
            Segment::Literal(_) => 2,
            Segment::One(_) => 1,
            Segment::Many(_) => 0,
        });
        Exactness(self.fixed_query.len(), ranks.collect())
    }
}

fn fixed(pair: &str) -> (String, Option<String>) {
    match pair.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (pair.to_owned(), None),
    }
}

fn is_given((name, value): &(String, Option<String>), query: &[(String, String)]) -> bool {
    query.iter().any(|(given, with)| given == name && value.as_ref().is_none_or(|value| value == with))
}

fn fits(template: &[Segment], path: &[Cow<'_, str>], any_case: bool) -> bool {
    let Some((first, rest)) = template.split_first() else {
        return path.is_empty();
    };
    let Some((segment, tail)) = path.split_first() else {
        return false;
    };
    match first {
        Segment::Literal(text) if any_case => segment.eq_ignore_ascii_case(text) && fits(rest, tail, any_case),
        Segment::Literal(text) => segment == text && fits(rest, tail, any_case),
        Segment::One(_) => !segment.is_empty() && fits(rest, tail, any_case),
        Segment::Many(_) => {
            let room = path.len().saturating_sub(rest.len());
            (1..=room).any(|taken| fits(rest, &path[taken..], any_case))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(template: &str, path: &str, query: &[(&str, &str)]) -> bool {
        let query: Vec<(String, String)> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Template::parse(template, |name| name == "scope").fits(&split(path), &query, false)
    }

    #[test]
    fn a_parameter_written_with_its_slashes_takes_several_segments() {
        let template = Template::parse("/{scope}/locks/{name}", |name| name == "scope");
        let path = split("/subscriptions/1/locks/2/locks/last");
        assert!(template.fits(&path, &[], false));
        let bound: Vec<(&str, Cow<'_, str>)> = template.bindings(&path).collect();
        assert_eq!(bound, [("scope", "subscriptions/1/locks/2".into()), ("name", "last".into())]);
        assert!(!fits("/{scope}/locks/{name}", "/locks/last", &[]));
    }

    #[test]
    fn a_parameter_is_never_empty() {
        assert!(fits("/devices/{id}", "/devices/one", &[]));
        assert!(!fits("/devices/{id}", "/devices/", &[]));
        assert!(!fits("/devices/{id}", "/devices", &[]));
    }

    #[test]
    fn a_fixed_part_of_the_query_belongs_to_the_address() {
        assert!(fits("/blobs?comp=list", "/blobs", &[("comp", "list")]));
        assert!(!fits("/blobs?comp=list", "/blobs", &[("comp", "lease")]));
        assert!(fits("/results?asyncinfo", "/results", &[("asyncinfo", "true")]));
        assert!(!fits("/results?asyncinfo", "/results", &[]));
    }

    #[test]
    fn a_literal_is_more_exact_than_a_parameter_and_the_left_counts_first() {
        let exactness = |text: &str| Template::parse(text, |name| name == "scope").exactness();
        assert!(exactness("/jobs/v2/query") > exactness("/jobs/v2/{id}"));
        assert!(exactness("/registrations/{id}") > exactness("/{scope}/registrations"));
        assert!(exactness("/results?asyncinfo") > exactness("/results"));
    }
}
