//! The check of one request or one answer against its operation.

pub(crate) mod answer;
mod body;
pub(crate) mod place;
pub(crate) mod request;
mod spelling;
pub(crate) mod violation;
