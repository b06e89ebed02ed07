//! Device identity without I/O and without a clock: identifiers, symmetric keys, derived device keys,
//! shared access signatures, connection strings and the digests that stand in for secrets.

mod authority;
mod chain;
mod connection;
mod derive;
mod digest;
mod host;
mod ids;
mod leaf;
mod owner;
pub mod sas;
mod symmetric;
mod token;

pub use authority::{Authority, AuthorityError, Thumbprint};
pub use chain::{Chain, ChainError};
pub use connection::{ConnectionString, ConnectionStringError, Subject};
pub use derive::derive_device_key;
pub use digest::{Digest, keyed_digest};
pub use host::{HostName, HostNameError};
pub use ids::{DeviceId, IdError, IdScope, ModuleId, RegistrationId};
pub use leaf::{IssueError, Leaf};
pub use owner::owner_hash;
pub use symmetric::{KeyError, SymmetricKey};
pub use token::Token;

mod hmac_sha256;
