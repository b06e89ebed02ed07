//! Stories: an example file, applied with kubectl to a real API server, reconciled against a local Azure.

mod admission;
mod adoption;
mod binary;
mod credentials;
mod deprovision;
mod devices;
mod disenroll;
mod fail_over;
mod keyless;
mod leaving;
mod logins;
mod outages;
mod policies;
mod promises;
mod quickstart;
mod restore;
mod room;
mod running;
mod s0;
mod secrecy;
mod shared_objects;
mod steady;
mod tenants;
mod weather;
mod workload_identity;
mod wrong_accounts;
