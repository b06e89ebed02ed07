//! What a tenant with every right in its own namespace tries, and does not get: each as its service account, on a real API server, with
//! the RBAC that ships.

mod asking;
mod attacker;
mod attempts;
mod deletion;
mod evasion;
mod groups;
mod hubs;
mod keys;
mod leftovers;
mod limits;
mod links;
mod metadata;
mod names;
mod prefix;
mod references;
mod services;
mod withdrawal;
