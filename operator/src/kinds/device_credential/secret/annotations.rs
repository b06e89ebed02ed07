//! What the annotations of a Secret with keys say of its content.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::annotations as names;

use crate::kinds::device_credential::outputs::{secret_content::Content, tokens::Lives};

/// The credential as its Secret's annotations describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAnnotations {
    pub revision: i64,
    pub lives: Lives,
}

/// What the annotations of a Secret with keys say.
pub fn key_annotations_of(meta: &ObjectMeta) -> KeyAnnotations {
    let revision = annotation(meta, names::REVISION).and_then(|text| text.parse().ok());
    KeyAnnotations { revision: revision.unwrap_or(0), lives: Lives::written(meta) }
}

/// What the Secret's annotations say of its content.
pub fn key_annotations(content: &Content, revision: i64) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::from([
        (names::DIGEST.to_owned(), content.digest.to_string()),
        (names::REVISION.to_owned(), revision.to_string()),
        (names::SLOT.to_owned(), format!("{:?}", content.slot)),
    ]);
    annotations.extend(content.lives.annotations());
    annotations.extend(content.made_for.map(|made_for| (names::KEYS_OF.to_owned(), format!("{made_for:?}"))));
    annotations.extend(content.login.clone().map(|login| (names::HUB_LOGIN.to_owned(), login)));
    annotations
}

/// Whether an annotation is one that says something of the content, and not of every content.
pub fn comes_and_goes(name: &str) -> bool {
    Lives::are_told_by(name) || [names::KEYS_OF, names::HUB_LOGIN].contains(&name)
}

/// An annotation of a Secret.
pub fn annotation<'a>(meta: &'a ObjectMeta, name: &str) -> Option<&'a String> {
    meta.annotations.as_ref()?.get(name)
}
