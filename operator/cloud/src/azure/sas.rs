//! Shared access signatures: how calls of a hub or a provisioning service are authorized.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::http::headers::AUTHORIZATION;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request};
use jiff::{SignedDuration, Timestamp};
use moorage_keys::{HostName, SymmetricKey, Token, sas};

use crate::flow::clock::Clock;

/// A call's own token lives this long, so that neither its clock nor ours must be exact.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(15);

/// A shared access policy and one of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyKey {
    /// The policy's name.
    pub name: String,
    /// One of its two keys.
    pub key: SymmetricKey,
}

/// Signs every request anew, for one host only.
pub(crate) struct SasAuthorization {
    pub(crate) host: HostName,
    pub(crate) policy: PolicyKey,
    pub(crate) sign: fn(&HostName, &str, &SymmetricKey, Timestamp) -> Token,
    pub(crate) clock: Clock,
}

impl SasAuthorization {
    pub(crate) fn for_hub(host: HostName, policy: PolicyKey, clock: Clock) -> Self {
        Self { host, policy, sign: sas::iot_hub_service, clock }
    }

    pub(crate) fn for_dps(host: HostName, policy: PolicyKey, clock: Clock) -> Self {
        Self { host, policy, sign: sas::dps_service, clock }
    }
}

#[async_trait]
impl Policy for SasAuthorization {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let expiry = (self.clock)().saturating_add(TOKEN_LIFE);
        let expiry = expiry.unwrap_or(Timestamp::MAX);
        let token = (self.sign)(&self.host, &self.policy.name, &self.policy.key, expiry);
        request.insert_header(AUTHORIZATION, token.expose().to_owned());
        next[0].send(ctx, request, &next[1..]).await
    }
}

impl fmt::Debug for SasAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SasAuthorization").field("host", &self.host).field("policy", &self.policy.name).finish_non_exhaustive()
    }
}
