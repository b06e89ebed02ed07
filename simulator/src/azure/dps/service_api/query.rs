//! Queries for enrollments: all of a table, or those of which some fields equal something.

use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;
use serde_json::Value;

use crate::azure::dps::service_api::refusal::bad;
use crate::engine::http::{Request, Response};

/// What a query is for: the fields by their JSON pointers, and what each has to be.
#[derive(Debug, PartialEq)]
pub(crate) struct Query(Vec<(String, Value)>);

impl Query {
    /// Reads the query of a request to a table.
    pub fn of(request: &Request, table: &str, now: Timestamp) -> Result<Self, Response> {
        let text = request.json.as_ref().and_then(|body| body["query"].as_str()).unwrap_or_default();
        let refusal = || bad(400_004, &format!("Only SELECT * FROM {table} is simulated, with WHERE field = value, joined by AND."), now);
        Self::read(text, table).ok_or_else(refusal)
    }

    /// `None` when the text asks for more than is known here.
    fn read(text: &str, table: &str) -> Option<Self> {
        static QUERY: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"(?is)^\s*select\s+\*\s+from\s+(\w+)(?:\s+where\s+(.+?))?\s*;?\s*$").expect("the pattern is right")
        });
        static CONDITION: LazyLock<Regex> = LazyLock::new(|| {
            let pattern = r"(?is)^\s*(\w+(?:\.\w+)*)\s*=\s*('[^']*'|-?\d+(?:\.\d+)?|true|false)\s*(and\b|$)";
            Regex::new(pattern).expect("the pattern is right")
        });
        let found = QUERY.captures(text).filter(|found| found[1].eq_ignore_ascii_case(table))?;
        let mut rest = found.get(2).map_or("", |found| found.as_str());
        let (mut conditions, mut more) = (Vec::new(), !rest.is_empty());
        while more {
            let found = CONDITION.captures(rest)?;
            conditions.push((format!("/{}", found[1].replace('.', "/")), literal(&found[2])?));
            more = !found[3].is_empty();
            rest = &rest[found[0].len()..];
        }
        Some(Self(conditions))
    }

    /// Those that the query is for.
    pub fn among(&self, mut all: Vec<(String, Value)>) -> Vec<(String, Value)> {
        all.retain(|(_, document)| self.0.iter().all(|(pointer, wanted)| document.pointer(pointer) == Some(wanted)));
        all
    }
}

fn literal(text: &str) -> Option<Value> {
    match text.strip_prefix('\'') {
        Some(text) => text.strip_suffix('\'').map(Value::from),
        None => serde_json::from_str(&text.to_ascii_lowercase()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Query;

    #[test]
    fn a_query_is_for_all_of_a_table_or_for_what_equals_something() {
        let read = |text| Query::read(text, "enrollments");
        assert_eq!(read("select * from Enrollments"), Some(Query(Vec::new())));
        let both = "SELECT * FROM enrollments WHERE attestation.type = 'x509 and more' AND capabilities.iotEdge=TRUE";
        let wanted = [("/attestation/type", json!("x509 and more")), ("/capabilities/iotEdge", json!(true))];
        assert_eq!(read(both), Some(Query(wanted.map(|(pointer, value)| (pointer.to_owned(), value)).into())));
    }

    #[test]
    fn a_query_that_is_not_understood_whole_is_not_understood() {
        for text in [
            "",
            "SELECT registrationId FROM enrollments",
            "SELECT * FROM devices",
            "SELECT * FROM enrollments WHERE",
            "SELECT * FROM enrollments WHERE deviceId = 'a' OR deviceId = 'b'",
            "SELECT * FROM enrollments WHERE deviceId = 'a' AND",
            "SELECT * FROM enrollments WHERE deviceId <> 'a'",
        ] {
            assert_eq!(Query::read(text, "enrollments"), None, "{text}");
        }
    }
}
