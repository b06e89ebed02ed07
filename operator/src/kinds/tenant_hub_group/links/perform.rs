//! How links are written into a provisioning service.

use moorage_cloud::{Link as CloudLink, LinkMeans, ProvisioningService as ServiceDocument};
use moorage_keys::{ConnectionString, HostName};
use moorage_plan::{Class, Reason};

use crate::{
    azure::{
        Writer,
        dps::{Service, links},
    },
    error::Error,
    kinds::tenant_hub_group::links::NewLink,
};

/// Writes links into a provisioning service, and looks whether they are there.
///
/// # Errors
/// Besides those of the writing: `LostUpdate` if another writer has overwritten one.
pub async fn write_links(writer: &Writer<'_>, service: &Service, add: &[NewLink], remove: &[HostName]) -> Result<(), Error> {
    let links = add.iter().map(cloud_link).collect::<Result<Vec<_>, _>>()?;
    let what = format!("the links of provisioning service {}", service.id.name);
    let (written, after) = links::rewrite(writer, service, &what, |document| {
        let linked = links.iter().fold(document, ServiceDocument::with_link);
        remove.iter().fold(linked, ServiceDocument::without_link)
    })
    .await?;
    let there = hosts(&after);
    let lost: Vec<_> = hosts(&written).into_iter().filter(|host| !there.contains(host)).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let name = &service.id.name;
    let note =
        format!("another writer of provisioning service {name} has overwritten the link of {}; it is written again", lost.join(", "));
    Err(Error::own(note, Class::Conflict).because(Reason::LostUpdate))
}

fn hosts(document: &ServiceDocument) -> Vec<String> {
    document.links().into_iter().filter_map(|link| link.host.map(|host| host.as_str().to_lowercase())).collect()
}

fn cloud_link(link: &NewLink) -> Result<CloudLink, Error> {
    let host = link.host.host().clone();
    let means = match &link.key {
        None => LinkMeans::SystemAssignedIdentity,
        Some(access) => {
            let connection = ConnectionString::service(host.clone(), &access.name, access.keys.primary.clone());
            LinkMeans::Key(
                connection.map_err(|_| Error::own(format!("the link of IoT hub {} cannot be written", link.name), Class::Invalid))?,
            )
        }
    };
    Ok(CloudLink {
        host,
        means,
        location: link.location.clone(),
        weight: Some(i64::from(link.link.allocation_weight)),
        apply_allocation_policy: link.link.apply_allocation_policy,
    })
}
