//! Typed clients for what an IoT tenant has in Azure: resource groups, IoT hubs, provisioning services, enrollment
//! groups, individual enrollments, registrations and device identities.
//!
//! The clients know no Kubernetes and take no decision. They never wait for a long operation, never retry and never
//! follow a redirect; what they read keeps every field that they do not know.

mod azure;
mod error;
mod flow;
mod http;

pub use azure::*;
pub use error::{Class, Detail, Error};
pub use flow::access::WriteAccess;
pub use flow::clock::Clock;
pub use flow::limits::{Headroom, Limit, Quota};
pub use flow::observe::{CallRecord, Observer, Outcome};
pub use http::endpoint_map::EndpointMap;
pub use http::failure::{Interruption, TransportError};
pub use http::transport::{DateListener, Interceptor, Response, Transport, TransportOptions};

/// Log targets of the libraries below us that an operator should keep at `warn`, even when it logs at `trace`.
///
/// None of them prints a body or an `Authorization` header: `typespec_client_core` redacts headers and query values by
/// allow-lists, `reqwest` prints bytes only with `connection_verbose`, which stays off, and `hyper` counts bytes. But
/// `typespec_client_core` logs every failed request at `info`, `h2` prints whole header frames at `trace` should another
/// crate of the process turn HTTP/2 on, and `rustls` prints handshakes.
pub const LOUD_TARGETS: [&str; 7] = ["azure_core", "azure_identity", "h2", "hyper", "hyper_util", "rustls", "typespec_client_core"];
