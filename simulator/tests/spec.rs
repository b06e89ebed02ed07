//! The check at the door, seen from outside.

#[path = "spec/answers.rs"]
mod answers;
#[path = "spec/call.rs"]
mod call;
#[path = "spec/coverage.rs"]
mod coverage;
#[path = "spec/requests.rs"]
mod requests;
#[path = "spec/robustness.rs"]
mod robustness;
