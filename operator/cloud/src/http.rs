//! HTTP, whoever is called: one client with bounds, what it trusts, and texts from elsewhere made fit for a log.

pub(crate) mod endpoint_map;
pub(crate) mod failure;
pub(crate) mod scrub;
mod tls;
pub(crate) mod transport;
