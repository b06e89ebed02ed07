//! What a tenant with every right in its own namespace tries, and does not get: each as its service account, on a real API server, with
//! the RBAC that ships.

mod attacker;
mod deletion;
mod groups;
mod hubs;
mod names;
mod services;
