//! How an account proves who it is: by a client secret, or by the tokens of a service account.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use moorage_cloud::{Arm, Cloud, Detail};
use moorage_crds::{AcceptedIdentity, Adoption, AzureCloud, ClientSecret, CloudAccount, IdentityMethod, ObjectRef, WorkloadIdentity};
use moorage_keys::Token;
use moorage_plan::{Class, Reason, Standing};

use crate::{
    azure::{Context, clients::Principal, grants, usage::What},
    cache::objects::Objects,
    cluster::{ApiReader, NoToken},
    error::{Error, ObserveError},
    object::{Keyed, KindName, NamespacedName, ObjectKey},
};

/// What proves an account.
pub enum Proof<'a> {
    /// A client secret.
    Secret(&'a ClientSecret),
    /// The tokens of a service account.
    ServiceAccount(&'a WorkloadIdentity),
}

/// The cloud that an account is in.
pub fn cloud_of(account: &CloudAccount) -> Cloud {
    match account.spec.azure.cloud {
        AzureCloud::Public => Cloud::public(),
        AzureCloud::Government => Cloud::government(),
        AzureCloud::China => Cloud::china(),
    }
}

/// What an account is proved by.
///
/// # Errors
/// `Invalid`, if that is none, or more than one.
pub fn proof_of(account: &CloudAccount) -> Result<Proof<'_>, Standing> {
    let azure = &account.spec.azure;
    match (&azure.client_secret, &azure.workload_identity) {
        (Some(secret), None) => Ok(Proof::Secret(secret)),
        (None, Some(identity)) => Ok(Proof::ServiceAccount(identity)),
        _ => Err(Standing::stalled(Reason::Invalid, "give exactly one of spec.azure.clientSecret and spec.azure.workloadIdentity")),
    }
}

/// The Secret with an account's client secret, if it has one.
pub fn secret_of(account: &CloudAccount) -> Option<NamespacedName> {
    let secret = account.spec.azure.client_secret.as_ref()?;
    Some(NamespacedName::new(&account.key().name.namespace, &secret.secret_ref.name))
}

/// The resource manager, in an account's name.
///
/// # Errors
/// Halts if what proves the account is not there.
pub async fn arm_of(ctx: &Context, account: &CloudAccount) -> Result<Arm, ObserveError> {
    let found = match proof_of(account)? {
        Proof::Secret(secret) => by_secret(ctx, account, secret).await,
        Proof::ServiceAccount(identity) => Ok(by_service_account(ctx, account, identity)?),
    };
    // The credential may go before what it made: a file's or a namespace's deletion takes the Secret first.
    match (found, is_leaving(account).then(|| ctx.clients.last_arm(&account.key())).flatten()) {
        (Err(_), Some(last)) => Ok(last),
        (found, _) => found,
    }
}

async fn by_secret(ctx: &Context, account: &CloudAccount, secret: &ClientSecret) -> Result<Arm, ObserveError> {
    let (key, azure) = (account.key(), &account.spec.azure);
    let (at, entry) = (NamespacedName::new(&key.name.namespace, &secret.secret_ref.name), &secret.secret_ref.key);
    let data = ctx.secrets.source(&at).await?.ok_or_else(|| {
        let note = format!("Secret {at} does not exist; create it with the client secret under key {entry}");
        if is_leaving(account) { gone(&key.name, &note) } else { ObserveError::stalled(Reason::DependencyMissing, note) }
    })?;
    let text = data.expose(entry).map(str::trim).filter(|text| !text.is_empty()).ok_or_else(|| {
        ObserveError::stalled(Reason::SecretMalformed, format!("Secret {at} has no text under key {entry}; put the client secret there"))
    })?;
    let version = ctx.secrets.version(&at).unwrap_or_default();
    let cloud = ctx.clients.azure(cloud_of(account));
    let made_from = format!("{}/{}/{}/{}/{at}/{entry}/{version}", cloud.cloud(), azure.tenant_id, azure.subscription_id, secret.client_id);
    let arm = ctx.clients.arm(&key, &made_from, || {
        let identity = cloud.client_secret(&azure.tenant_id, &secret.client_id, &Token::new(text));
        let identity = identity.map_err(|error| Error::cloud(format!("failed to use CloudAccount {}", key.name), error))?;
        Ok(cloud.arm(&identity, &azure.subscription_id))
    });
    Ok(arm?)
}

fn by_service_account(ctx: &Context, account: &CloudAccount, identity: &WorkloadIdentity) -> Result<Arm, Error> {
    let (key, azure) = (account.key(), &account.spec.azure);
    let at = NamespacedName::new(&key.name.namespace, &identity.service_account_name);
    let cloud = ctx.clients.azure(cloud_of(account));
    let made_from = format!("{}/{}/{}/{}/{at}", cloud.cloud(), azure.tenant_id, azure.subscription_id, identity.client_id);
    ctx.clients.arm(&key, &made_from, || {
        let assertion = assertion(ctx.api.clone(), at, cloud.cloud().assertion_audience());
        let identity = cloud.client_assertion(&azure.tenant_id, &identity.client_id, assertion);
        let identity = identity.map_err(|error| Error::cloud(format!("failed to use CloudAccount {}", key.name), error))?;
        Ok(cloud.arm(&identity, &azure.subscription_id))
    })
}

/// Asks for a token of a service account at each sign-in, and at no other time.
fn assertion(
    api: ApiReader,
    at: NamespacedName,
    audience: &'static str,
) -> impl Fn() -> BoxFuture<'static, Result<Token, moorage_cloud::Error>> + Send + Sync + 'static {
    move || {
        let (api, at) = (api.clone(), at.clone());
        async move {
            let token = api.token_of(&at, audience).await;
            token.map_err(|failure| unproven(&api, &at, failure))
        }
        .boxed()
    }
}

fn unproven(api: &ApiReader, at: &NamespacedName, failure: NoToken) -> moorage_cloud::Error {
    let told = |class, message: String| moorage_cloud::Error::new("get what proves the identity", class, message);
    let denied = |detail, message: String| told(Class::Denied, message).with_detail(detail);
    match failure {
        NoToken::NotAllowed => denied(Detail::ProofNotAllowed, api.missing_token_role(at)),
        NoToken::NoServiceAccount => {
            let note =
                format!("ServiceAccount {at} does not exist; create it: kubectl create serviceaccount -n {} {}", at.namespace, at.name);
            denied(Detail::ProofMissing, note)
        }
        NoToken::NamespaceEnds => {
            let note = format!("namespace {} is being deleted and gives no tokens of ServiceAccount {} any more", at.namespace, at.name);
            denied(Detail::ProofGone, note)
        }
        NoToken::Failed(error) => told(error.class, error.chain()),
    }
}

fn is_leaving(account: &CloudAccount) -> bool {
    account.metadata.deletion_timestamp.is_some()
}

fn gone(account: &NamespacedName, note: &str) -> ObserveError {
    ObserveError::stalled(Reason::CredentialGone, format!("CloudAccount {account} is being deleted, and its credential is gone: {note}"))
}

/// Who the operator is, once the cloud has accepted it.
pub fn accepted(ctx: &Context, account: &CloudAccount) -> Option<AcceptedIdentity> {
    let tenant_id = account.spec.azure.tenant_id.clone();
    Some(match proof_of(account).ok()? {
        Proof::Secret(secret) => AcceptedIdentity {
            method: IdentityMethod::ClientSecret,
            tenant_id,
            client_id: secret.client_id.clone(),
            service_account_name: None,
            secret_resource_version: secret_of(account).and_then(|at| ctx.secrets.version(&at)),
        },
        Proof::ServiceAccount(identity) => AcceptedIdentity {
            method: IdentityMethod::WorkloadIdentity,
            tenant_id,
            client_id: identity.client_id.clone(),
            service_account_name: Some(identity.service_account_name.clone()),
            secret_resource_version: None,
        },
    })
}

/// An account that lets a namespace use a resource group.
#[derive(Clone, Debug)]
pub struct GrantedAccount {
    /// The account.
    pub object: Arc<CloudAccount>,
    /// How far existing things may be adopted.
    pub adoption: Adoption,
    /// The namespace that pays for the calls.
    payer: Arc<str>,
}

/// The account that an object of a namespace refers to, if it lets the namespace use a resource group.
///
/// # Errors
/// If it is not there, or does not grant it.
pub fn granted(objects: &Objects, reference: &ObjectRef, namespace: &str, resource_group: &str) -> Result<GrantedAccount, Standing> {
    let (object, adoption) = grants::account(objects, &account_key(reference, namespace), namespace, resource_group)?;
    Ok(GrantedAccount { object, adoption, payer: namespace.into() })
}

impl GrantedAccount {
    /// The cloud that it is in.
    pub fn cloud(&self) -> Cloud {
        cloud_of(&self.object)
    }

    /// The resource manager, in the account's name.
    ///
    /// # Errors
    /// Halts if what proves the account is not there.
    pub async fn arm(&self, ctx: &Context) -> Result<Arm, ObserveError> {
        Ok(self.sign_in(ctx).await?.0)
    }

    /// The same, and as whom.
    ///
    /// # Errors
    /// Halts if what proves the account is not there.
    pub async fn sign_in(&self, ctx: &Context) -> Result<(Arm, Principal), ObserveError> {
        let arm = arm_of(ctx, &self.object).await?.on_behalf_of(&self.payer);
        let principal = ctx.clients.principal(&self.object.key()).unwrap_or_default();
        Ok((arm, principal))
    }
}

/// The resource manager, in the name of an account that lets an object of a namespace use a resource group.
///
/// # Errors
/// Halts if the account is not there, or does not grant it.
pub async fn reach(ctx: &Context, reference: &ObjectRef, namespace: &str, resource_group: &str) -> Result<Arm, ObserveError> {
    granted(&ctx.objects, reference, namespace, resource_group)?.arm(ctx).await
}

/// The key of the account that an object refers to.
pub fn account_key(reference: &ObjectRef, namespace: &str) -> ObjectKey {
    ObjectKey::new(KindName::CloudAccount, reference.namespace_or(namespace), &reference.name)
}

/// What counts the paid hubs in the subscription of an account.
pub fn hubs_of(account: &CloudAccount) -> What {
    What::Hubs(account.spec.azure.subscription_id.to_lowercase())
}
