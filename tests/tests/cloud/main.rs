//! The cloud's clients against the simulator, every request checked against the vendor's specification.

mod api_versions;
mod enrollments;
mod individuals;
mod interruptions;
mod registry;
mod resources;
mod setup;
mod sign_in;
