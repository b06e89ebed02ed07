//! The links of a provisioning service to hubs: what a PUT may say of them, and what a GET tells.

use serde_json::{Value, json};

use crate::azure::dps::service::{Link, LinkAuthentication, ProvisioningService};
use crate::azure::iot_hub::hub::HOST_SUFFIX;
use crate::azure::microsoft_devices::errors::bad;
use crate::azure::options::{IdentityLink, MaskedLink, OlderPut, Variants};
use crate::azure::resource::regions::region_name;
use crate::azure::state::Azure;
use crate::engine::http::Response;

/// The links of a PUT body. The same hub is taken twice and refused the third time.
pub(crate) fn read(azure: &Azure, key: &str, wanted: &[Value], knows_identities: bool) -> Result<Vec<Link>, Response> {
    let most = azure.options.limits.linked_hubs;
    if wanted.len() > most {
        let message = format!("A provisioning service links {most} hubs at most.");
        return Err(bad(400_304, &message));
    }
    let suffix = HOST_SUFFIX.of(azure.options.cloud);
    let reader = Reader { service: azure.provisioning().get(key), variants: &azure.options.variants, knows_identities, suffix };
    let mut links: Vec<Link> = Vec::with_capacity(wanted.len());
    for entry in wanted {
        let link = reader.link(entry)?;
        if links.iter().filter(|other| other.host == link.host).count() >= 2 {
            let message = format!("The IoT hub {} is linked already.", link.host);
            return Err(bad(400_303, &message));
        }
        links.push(link);
    }
    Ok(links)
}

/// What decides how an entry is read.
struct Reader<'a> {
    /// The service as it was before.
    service: Option<&'a ProvisioningService>,
    variants: &'a Variants,
    knows_identities: bool,
    /// How the hosts of hubs end.
    suffix: &'static str,
}

fn wrong(message: &str) -> Response {
    bad(400_309, message)
}

impl Reader<'_> {
    fn link(&self, entry: &Value) -> Result<Link, Response> {
        let kind = entry["authenticationType"].as_str().filter(|_| self.knows_identities).unwrap_or("KeyBased");
        match kind {
            "KeyBased" if !entry["connectionString"].is_string() && !self.knows_identities => self.untold(entry),
            "KeyBased" => self.by_key(entry),
            _ => self.by_identity(entry, kind),
        }
    }

    fn stored(&self, host: &str) -> impl Iterator<Item = &Link> {
        self.service.into_iter().flat_map(|service| &service.links).filter(move |link| link.host.eq_ignore_ascii_case(host))
    }

    fn by_key(&self, entry: &Value) -> Result<Link, Response> {
        let mut link = link_of(entry, self.suffix).ok_or_else(|| wrong("The connection string of a linked hub is not valid."))?;
        if self.knows_identities
            && let Some(named) = entry["hostName"].as_str()
        {
            if !named.eq_ignore_ascii_case(&link.host) {
                return Err(wrong("The host name of a linked hub differs from that in its connection string."));
            }
            link.named = true;
        } else {
            // An older version does not tell of the name.
            let keeps = self.knows_identities || self.variants.older_put == OlderPut::Kept;
            link.named = keeps && self.stored(&link.host).any(|stored| stored.named);
        }
        if let LinkAuthentication::Key { policy, key } = &mut link.authentication
            && key == "****"
            && self.variants.masked_link == MaskedLink::Kept
        {
            let same = |stored: &Link| match &stored.authentication {
                LinkAuthentication::Key { policy: other, key } if other.eq_ignore_ascii_case(policy) => Some(key.clone()),
                _ => None,
            };
            let kept = self.stored(&link.host).find_map(same);
            *key = kept.ok_or_else(|| wrong("The key of a linked hub is masked and none is stored for it."))?;
        }
        Ok(link)
    }

    /// A link by an identity, which the service has to have already.
    fn by_identity(&self, entry: &Value, kind: &str) -> Result<Link, Response> {
        if entry["connectionString"].is_string() {
            return Err(wrong("A link by an identity has no connection string."));
        }
        let host = entry["hostName"].as_str().filter(|host| is_host(host, self.suffix)).map(str::to_ascii_lowercase);
        let host = host.ok_or_else(|| wrong("A link by an identity names the hub by its host name."))?;
        if entry["name"].as_str().is_some_and(|name| !name.eq_ignore_ascii_case(&host)) {
            return Err(wrong("The host name of a link cannot change."));
        }
        if self.stored(&host).any(|stored| !stored.named) {
            return Err(wrong("A link that was made without a host name cannot become one by an identity: unlink the hub first."));
        }
        let selected = &entry["selectedUserAssignedIdentityResourceId"];
        let authentication = match (kind, selected.as_str()) {
            ("SystemAssigned", _) => LinkAuthentication::SystemAssigned,
            (_, Some(id)) => LinkAuthentication::UserAssigned(id.to_owned()),
            (_, None) => return Err(wrong("A link by a user-assigned identity names the identity.")),
        };
        if self.service.and_then(|service| service.principal(&authentication)).is_none() {
            return Err(wrong("The provisioning service does not have the identity of the link; give it to the service first."));
        }
        linked(entry, host, true, authentication)
    }

    /// What an older version sends back of a link that it cannot tell of.
    fn untold(&self, entry: &Value) -> Result<Link, Response> {
        let host = entry["name"].as_str().unwrap_or_default().to_ascii_lowercase();
        let stored = self.stored(&host).find(|link| !matches!(link.authentication, LinkAuthentication::Key { .. }));
        let stored = stored.ok_or_else(|| wrong("The connection string of a linked hub is not valid."))?;
        match self.variants.identity_link {
            IdentityLink::Broken => linked(entry, host, stored.named, LinkAuthentication::Lost),
            IdentityLink::Kept => linked(entry, host, stored.named, stored.authentication.clone()),
            IdentityLink::Refused => Err(wrong("The connection string of a linked hub is missing.")),
        }
    }
}

fn linked(entry: &Value, host: String, named: bool, authentication: LinkAuthentication) -> Result<Link, Response> {
    link(entry, host, named, authentication).ok_or_else(|| wrong("The location or the weight of a linked hub is not valid."))
}

fn link(entry: &Value, host: String, named: bool, authentication: LinkAuthentication) -> Option<Link> {
    let weight = entry["allocationWeight"].as_i64().unwrap_or(1);
    (1..=1_000).contains(&weight).then_some(())?;
    Some(Link {
        host,
        named,
        authentication,
        location: region_name(entry["location"].as_str().filter(|text| !text.is_empty())?),
        apply_allocation_policy: entry["applyAllocationPolicy"].as_bool().unwrap_or(true),
        weight,
    })
}

/// A hub's name below Azure's own; the host of its service API is none.
fn is_host(host: &str, suffix: &str) -> bool {
    let name = host.strip_suffix(suffix);
    name.is_some_and(|name| !name.is_empty() && !name.contains('.'))
}

/// Reads a link by key; `None` when its connection string is not whole or it names no location.
pub(crate) fn link_of(entry: &Value, suffix: &str) -> Option<Link> {
    let connection = entry["connectionString"].as_str()?;
    let part = |wanted: &str| {
        connection
            .split(';')
            .filter_map(|part| part.split_once('='))
            .find_map(|(name, value)| (name.trim().eq_ignore_ascii_case(wanted)).then(|| value.trim().to_owned()))
            .filter(|value| !value.is_empty())
    };
    let host = part("HostName")?.to_ascii_lowercase();
    host.ends_with(suffix).then_some(())?;
    link(entry, host, false, LinkAuthentication::Key { policy: part("SharedAccessKeyName")?, key: part("SharedAccessKey")? })
}

/// As a GET shows it: the key masked, and in an older version nothing of identities.
pub(crate) fn shown(link: &Link, knows_identities: bool) -> Value {
    let mut document = json!({
        "applyAllocationPolicy": link.apply_allocation_policy,
        "allocationWeight": link.weight,
        "name": link.host,
        "location": link.location,
    });
    if let Some(connection) = link.masked() {
        document["connectionString"] = connection.into();
    }
    if !knows_identities {
        return document;
    }
    document["authenticationType"] = match &link.authentication {
        LinkAuthentication::Key { .. } | LinkAuthentication::Lost => "KeyBased".into(),
        LinkAuthentication::SystemAssigned => "SystemAssigned".into(),
        LinkAuthentication::UserAssigned(id) => {
            document["selectedUserAssignedIdentityResourceId"] = id.as_str().into();
            "UserAssigned".into()
        }
    };
    if link.named {
        document["hostName"] = link.host.as_str().into();
    }
    document
}
