//! Who may do what: directory, roles, identities and signatures.

pub(crate) mod directory;
pub(crate) mod identity;
pub(crate) mod roles;
pub(crate) mod sas;
