//! Microsoft's own clients against the simulator, beside the operator: what they understand of the one, they say of the other.

mod devices;
mod enrollments;
mod hubs;
mod languages;
mod place;
mod refusals;
mod registry;
mod services;
mod sign_in;
