//! Tags that an owner wants on what is made in Azure. Others' tags stay.

use std::collections::{BTreeMap, BTreeSet};

use moorage_plan::{Reason, Standing};

use crate::{
    azure::arm_resource::ownership::{CLUSTER_TAG, OWNER_TAG},
    controller::context::Caches,
};

/// How names begin that Azure keeps for itself.
const RESERVED: [&str; 3] = ["microsoft", "azure", "windows"];

/// Judges tags: their names are 1 to 512 characters without `<>%&\?/`, and the same in any case (Microsoft Learn: "Use tags to organize your
/// Azure resources and management hierarchy", limitations).
///
/// # Errors
/// `Invalid`, for a name that Azure would refuse, or that is ours.
pub fn validate(tags: &BTreeMap<String, String>) -> Result<(), Standing> {
    let wrong = |note: String| Err(Standing::stalled(Reason::Invalid, format!("spec.tags: {note}")));
    let mut names = BTreeSet::new();
    for name in tags.keys() {
        let lower = name.to_lowercase();
        if name.is_empty() || name.chars().count() > 512 || name.chars().any(|c| r"<>%&\?/".contains(c) || c.is_control()) {
            return wrong(format!(r"{name:?} is no name of a tag: it has 1 to 512 characters, and none of < > % & \ ? /"));
        }
        if lower == OWNER_TAG || lower == CLUSTER_TAG || RESERVED.iter().any(|reserved| lower.starts_with(reserved)) {
            return wrong(format!("{name} is kept for the operator or for Azure; choose another name"));
        }
        if !names.insert(lower) {
            return wrong(format!("{name} is there twice, in letters of another case, which is one tag to Azure; take one of the two out"));
        }
    }
    Ok(())
}

/// The tags of a spec, and the one that says which cluster's operator manages what bears them.
pub fn wanted(caches: &Caches, tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let of_cluster = (CLUSTER_TAG.to_owned(), caches.installation.cluster.clone());
    tags.clone().into_iter().chain([of_cluster]).collect()
}

/// Whether something lacks one of the tags, or has it with another value.
pub fn are_missing<'a>(tags: &BTreeMap<String, String>, there: impl Fn(&str) -> Option<&'a str>) -> bool {
    tags.iter().any(|(name, value)| there(name) != Some(value))
}

/// Something with the tags over those that it has.
pub fn over<D>(tags: &BTreeMap<String, String>, document: D, set: impl Fn(D, &str, &str) -> D) -> D {
    tags.iter().fold(document, |document, (name, value)| set(document, name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::linter::described_standing;

    #[test]
    fn a_name_that_azure_would_refuse_or_that_is_ours_is_refused_before() {
        let judged = |names: &[&str]| {
            let tags = names.iter().map(|name| ((*name).to_owned(), "v".to_owned())).collect();
            validate(&tags).err().as_ref().map(described_standing)
        };
        assert_eq!(judged(&["costCenter", "env", "Größe"]), None);
        for names in [&["a/b"][..], &[""], &["a\nb"], &["Moorage-Owner"], &["azureThing"], &["env", "Env"]] {
            assert!(judged(names).is_some_and(|told| told.starts_with("stuck, Invalid: spec.tags: ")), "{names:?}");
        }
        assert!(judged(&[&"x".repeat(513)]).is_some() && judged(&[&"x".repeat(512)]).is_none());
    }
}
