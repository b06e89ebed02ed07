//! How the OpenAPI files of `Microsoft.Devices` are wrong in the same way.

use crate::spec::Change;

/// The error code may be a number.
pub(crate) const ERROR_CODE: Change =
    Change::Put("/definitions/ErrorDetails/properties/code", r#"{"readOnly": true, "type": ["integer", "string"]}"#);
/// The answer of an operation that fails.
pub(crate) const ERROR_ANSWER: &str = r##"{"description": "error", "schema": {"$ref": "#/definitions/ErrorDetails"}}"##;
