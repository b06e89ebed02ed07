use std::cell::OnceCell;
use std::sync::Arc;

use moorage_crds::{CloudAccount, EnrollmentGroup, KindName, ProvisioningService, annotations, with_kind};
use moorage_operator::azure::grants;
use moorage_operator::cache::objects::Objects;
use moorage_operator::controller::kind::Kind;
use moorage_operator::object::Keyed;
use moorage_operator::object::ObjectKey;
use moorage_plan::Goal;

use super::Outcome;
use super::look::Watcher;

/// Objects of every kind, as the API server may hold them: whoever may change a definition may store anything.
pub fn objects(data: &[u8]) -> Outcome {
    granted(data);
    // Each of them, also after one that takes it.
    let taken = KindName::ALL.iter().filter(|kind| with_kind!(**kind, |K| taken::<K>(data))).count();
    if taken > 0 { Outcome::Accepted } else { Outcome::Refused }
}

/// Asks those whose owners grant something.
fn granted(data: &[u8]) {
    fn read<K: Kind>(data: &[u8]) -> Option<K> {
        serde_json::from_slice(data).ok()
    }
    let _ = read::<CloudAccount>(data).map(|account| grants::on_account(&account, "contoso", "contoso-rg").is_some());
    let _ = read::<ProvisioningService>(data).map(|service| grants::on_provisioning_service(&service, "contoso").is_some());
    let _ = read::<EnrollmentGroup>(data)
        .map(|group| grants::on_enrollment_group(&group, "contoso", "registration id", "contoso-device").is_ok());
}

/// Puts an object through all that the operator does with it, up to where a cloud would have to answer.
fn taken<K: Kind>(data: &[u8]) -> bool {
    let Ok(object) = serde_json::from_slice::<K>(data) else { return false };
    let written = serde_json::to_value(&object).expect("what was read can be written");
    let again: K = serde_json::from_value(written.clone()).expect("what was written can be read");
    assert_eq!(serde_json::to_value(&again).expect("the same again"), written, "reading and writing changes it");
    let key = object.key();
    assert_eq!(key.kind, K::KIND);
    assert_eq!(object.goal() == Goal::Absent, object.meta().deletion_timestamp.is_some());
    assert!(!object.deletion_is_confirmed() || object.annotation(annotations::CONFIRM_DELETE).is_some(), "nobody has confirmed it");
    let _ = (object.status(), object.visible_to_dependents(), object.has_something_to_undo(), object.is_annotated(annotations::PAUSED));
    is_kept_in_order(&key, Arc::new(object.clone()));
    thread_local! { static LOOKOUT: OnceCell<Watcher> = const { OnceCell::new() } }
    LOOKOUT.with(|lookout| lookout.get_or_init(|| Watcher::of("s0-tenants.yaml")).look_at(object));
    true
}

/// Who refers to what is known as long as the object is there, and no longer.
fn is_kept_in_order<K: Kind>(key: &ObjectKey, object: Arc<K>) {
    let stores = Objects::default();
    let things = object.references();
    assert!(stores.put(key, things.clone(), object.clone()).is_none(), "the stores were empty");
    assert!(stores.put(key, things.clone(), object).is_some(), "it was there already");
    let _ = stores.of::<K>().get(&key.name).and_then(|object| object.cloud_path(&stores));
    for thing in &things {
        assert_eq!(stores.referrers(thing), std::slice::from_ref(key));
    }
    stores.remove::<K>(key);
    assert!(things.iter().all(|thing| stores.count_referrers(thing) == 0), "what is gone refers to nothing");
}
