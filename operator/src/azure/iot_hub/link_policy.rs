//! The access policy that a hub group makes in each of its hubs, so that a provisioning service can register devices there.

use moorage_crds::TenantHubGroup;
use moorage_keys::owner_hash;

use crate::object::Keyed;

/// How the name of every link policy begins, of this hub group or of another.
const PREFIX: &str = "moorage-";

/// Name of the policy that is made in each hub for the link: ours is provable by it, for a policy has no tags.
pub fn name_of(installation: &str, group: &TenantHubGroup) -> String {
    let key = group.key();
    format!("{PREFIX}{}", owner_hash(installation, key.kind.as_str(), &key.name.namespace, &key.name.name))
}
