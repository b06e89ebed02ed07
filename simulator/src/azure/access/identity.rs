//! Managed identities of resources.

use std::collections::BTreeMap;

use crate::engine::keys::Keyring;

/// The identities of a resource.
#[derive(Clone, Default)]
pub(crate) struct Identities {
    /// The principal of the identity that Azure made for it.
    pub system: Option<String>,
    /// Those that somebody gave to it, by their resource ids in lower case.
    pub given: BTreeMap<String, GivenIdentity>,
}

/// An identity with a life of its own.
#[derive(Clone)]
pub(crate) struct GivenIdentity {
    /// Its resource id as the caller wrote it.
    pub id: String,
    pub principal: String,
    pub client: String,
}

impl GivenIdentity {
    /// The identity of a resource id, which is the same wherever it is used.
    pub fn of(keyring: &Keyring, id: &str) -> Self {
        let guid = |part: &str| keyring.lasting_guid(&format!("identity/{}/{part}", id.to_lowercase()));
        Self { id: id.to_owned(), principal: guid("principal"), client: guid("client") }
    }
}
