//! The cloud's clients against the simulator, every request checked against the vendor's specification.

mod enrollments;
mod individuals;
mod interruptions;
mod registry;
mod resources;
mod setup;
mod sign_in;
