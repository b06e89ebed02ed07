//! What can be done for a provisioning service, and how it is done.

use moorage_cloud::{ProvisioningService as Document, ResourceId};
use moorage_crds::ProvisioningService;
use moorage_plan::{Act, Goal, Reason, Standing, Target};

use crate::{
    azure::{
        Writer, accounts,
        arm_resource::{
            ownership::OWNER_TAG,
            perform::{created, deleted},
            resource_group,
        },
        claims, clients,
        dps::{self, links},
        facts::service_place,
        tags,
    },
    controller::kind::Kind,
    error::{Error, reached},
    kinds::provisioning_service::admit::Admitted,
    ledger::entries::{self, LEFT_SERVICE, MADE, RESOURCE_GROUP, SERVICE, SERVICE_FACTS, SERVICE_PLACE, recorded},
    object::{Keyed, ObjectKey},
};

/// What can be done for a service.
#[derive(Debug)]
pub enum Action {
    Group(resource_group::Change),
    Create {
        id: ResourceId,
        location: String,
    },
    Delete {
        id: ResourceId,
    },
    Record {
        to: Option<&'static str>,
    },
    /// Gives the service a managed identity.
    EnableIdentity,
    /// Sets the tags of the spec.
    SetTags,
    /// Strikes what the ledger says of a device that was disenrolled in the service, which is gone.
    ForgetDisenrolled {
        owner: ObjectKey,
        entry: String,
    },
}

impl Act for Action {
    fn reason(&self) -> Reason {
        match self {
            Self::Group(change) => change.reason(),
            Self::Create { .. } => Reason::CreateProvisioningService,
            Self::EnableIdentity | Self::SetTags => Reason::UpdateProvisioningService,
            Self::Delete { .. } => Reason::DeleteProvisioningService,
            Self::Record { to: Some(_) } => Reason::RecordClaim,
            Self::Record { to: None } | Self::ForgetDisenrolled { .. } => Reason::DropClaim,
        }
    }

    fn note(&self) -> String {
        match self {
            Self::Group(change) => change.note(),
            Self::Create { id, location } => format!("Create provisioning service {} in {location}", id.name),
            Self::EnableIdentity => "Give the provisioning service a managed identity".to_owned(),
            Self::SetTags => "Set the tags of the provisioning service".to_owned(),
            Self::Delete { id } => format!("Delete provisioning service {}", id.name),
            Self::Record { to: Some(to) } => format!("Write down that the provisioning service is {to}"),
            Self::Record { to: None } => "Strike the provisioning service from the ledger".to_owned(),
            Self::ForgetDisenrolled { owner, .. } => format!("Strike what disenrolled the device of {owner} from the ledger"),
        }
    }

    fn target(&self) -> Target {
        if matches!(self, Self::Record { .. } | Self::ForgetDisenrolled { .. }) { Target::Cluster } else { Target::Cloud }
    }

    fn is_news(&self) -> bool {
        !matches!(self, Self::Record { .. } | Self::ForgetDisenrolled { .. })
    }
}

/// Whether the spec asks for a managed identity.
pub(super) fn wants_identity(object: &ProvisioningService) -> bool {
    object.spec.identity.is_some()
}

pub(super) async fn perform(object: &ProvisioningService, writer: &Writer<'_>, action: &Action) -> Result<(), Error> {
    let (key, spec) = (object.key(), &object.spec);
    let namespace = &key.name.namespace;
    let arm = async || reached(accounts::reach(writer, &spec.account_ref, namespace, &spec.resource_group).await);
    match action {
        Action::Record { to: Some(to) } => {
            let place = service_place(arm().await?.subscription(), object);
            let entries = [(SERVICE.to_owned(), Some((*to).to_owned())), (SERVICE_PLACE.to_owned(), Some(place))];
            let judge = || match object.admit(writer.caches(), Goal::Present)? {
                Admitted::Granted(grant) if *to != MADE && grant.holder.is_some() => {
                    Err(Standing::reconciling(Reason::AlreadyExists, "another object has the service"))
                }
                Admitted::Granted(_) | Admitted::Kept { .. } => Ok(()),
            };
            claims::record(writer, &key, &entries, judge).await
        }
        Action::Record { to: None } => {
            let struck = [SERVICE, SERVICE_PLACE, SERVICE_FACTS, RESOURCE_GROUP].map(|entry| (entry.to_owned(), None));
            // It is gone, whoever left it behind here before.
            let (left, place) = (entries::of(LEFT_SERVICE, &spec.name), service_place(arm().await?.subscription(), object));
            let is_here = recorded(&writer.ledger.of(&key), &left) == Some(&place);
            let struck: Vec<_> = struck.into_iter().chain(is_here.then_some((left, None))).collect();
            writer.record(&struck).await
        }
        Action::ForgetDisenrolled { owner, entry } => writer.record_for(owner, &[(entry.clone(), None)]).await,
        Action::Group(change) => resource_group::perform(writer, &arm().await?, &key, change).await,
        Action::Create { id, location } => {
            let arm = arm().await?;
            let _lock = writer.clients.write_lock(&arm, id).await?;
            let service = tags::over(&tags::wanted(writer, &spec.tags), Document::new(location), Document::with_tag);
            let service = service.with_tag(OWNER_TAG, &writer.owner_tag(&key));
            let service = if wants_identity(object) { service.with_system_assigned_identity() } else { service };
            let put = arm.put_provisioning_service(writer.access(), id, &service).await;
            created(&format!("provisioning service {}", id.name), put)
        }
        Action::EnableIdentity => {
            let service = reached(dps::service(writer, &key.name, namespace, namespace).await)?;
            let what = format!("the identity of provisioning service {}", service.id.name);
            let change = Document::with_system_assigned_identity;
            links::rewrite(writer, &service, &what, change).await.map(drop)
        }
        Action::SetTags => {
            let service = reached(dps::service(writer, &key.name, namespace, namespace).await)?;
            let what = format!("the tags of provisioning service {}", service.id.name);
            let change = |document| tags::over(&tags::wanted(writer, &spec.tags), document, Document::with_tag);
            links::rewrite(writer, &service, &what, change).await.map(drop)
        }
        Action::Delete { id } => {
            let arm = arm().await?;
            let _lock = writer.clients.write_lock(&arm, id).await?;
            writer.clients.forget_service_keys(&clients::service_id(&arm, id));
            let answer = arm.delete_provisioning_service(writer.access(), id).await;
            deleted(&format!("provisioning service {}", id.name), answer)
        }
    }
}
