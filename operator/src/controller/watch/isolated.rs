//! An object of a list or a watch, read by itself: one that cannot be read costs nobody but its owner.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error as _};
use serde_json::{Value, value::RawValue};

use crate::cache::unreadable::Unreadable;

/// How names begin by which `serde_json` hands JSON to itself: below one of them it reads a text as JSON, with a new budget of levels each
/// time, until the stack ends. The API server writes `$` as it is.
const MAGIC: &str = "$serde_json::private::";

/// The largest status that is read, in bytes: several times what the operator writes. Whoever may write statuses may write more.
const LARGEST_STATUS: usize = 64 << 10;
/// The largest field of such a status that is read.
const LARGEST_FIELD: usize = 16 << 10;
/// The most finalizers that are read, in bytes; they are written back with ours.
const MOST_FINALIZERS: usize = 16 << 10;

fn read<K: DeserializeOwned + Resource>(text: &str) -> Result<K, String> {
    let object: K = serde_json::from_str(&without_large_status(text)).map_err(|error| error.to_string())?;
    let finalizers = object.meta().finalizers.as_deref().map_or(0, size_of_all);
    if finalizers > MOST_FINALIZERS { Err(format!("its finalizers have more than {MOST_FINALIZERS} bytes")) } else { Ok(object) }
}

/// An object without those fields of its status that are too large to be ours. The others stay, and with them what was told when: a status
/// that were taken for none would be told anew each time, and each time would tell that something has happened.
fn without_large_status(text: &str) -> Cow<'_, str> {
    type Parts<'a> = BTreeMap<String, &'a RawValue>;
    if text.len() <= LARGEST_STATUS {
        return text.into();
    }
    let Ok(mut parts) = serde_json::from_str::<Parts<'_>>(text) else { return text.into() };
    let Some(status) = parts.remove("status").filter(|status| status.get().len() > LARGEST_STATUS) else { return text.into() };
    let Some(status) = without_large_fields(status.get()) else { return text.into() };
    parts.insert("status".to_owned(), &status);
    serde_json::to_string(&parts).map_or_else(|_| text.into(), Cow::Owned)
}

/// A status without those fields that are too large to be ours.
fn without_large_fields(status: &str) -> Option<Box<RawValue>> {
    let mut fields = serde_json::from_str::<BTreeMap<String, &RawValue>>(status).unwrap_or_default();
    fields.retain(|_, field| field.get().len() <= LARGEST_FIELD);
    serde_json::value::to_raw_value(&fields).ok()
}

/// What is kept of the status of an object that cannot be read.
fn what_is_kept(status: &str) -> Option<Value> {
    let large = if status.len() > LARGEST_STATUS { Some(without_large_fields(status)?) } else { None };
    serde_json::from_str(large.as_ref().map_or(status, |kept| kept.get())).ok()
}

/// Leaves what the operator reads: labels, owners and annotations of others are not in memory for each object.
pub fn keep_own(meta: &mut ObjectMeta) {
    (meta.managed_fields, meta.labels, meta.owner_references) = (None, None, None);
    if let Some(annotations) = &mut meta.annotations {
        annotations.retain(|name, value| name.starts_with(OWN) && value.len() <= LONGEST_ANNOTATION);
    }
}

/// How the names of our annotations begin.
const OWN: &str = "moorage.dev/";
/// The longest value of one of them, in bytes.
const LONGEST_ANNOTATION: usize = 1 << 10;

/// An object, or why it cannot be read and what it is called.
///
/// The library's own guard reads the whole list first: JSON nested deeper than `serde_json` goes (128), which the API server stores where
/// a schema leaves content open, makes a list unreadable for everybody. An event of a watch can be read so because the API server writes its
/// type before its object.
#[derive(Clone, Debug)]
pub struct Isolated<K> {
    /// It, or what is known of it.
    pub read: Result<K, Unreadable>,
    /// How large it is, in bytes.
    pub size: usize,
}

/// What is read of an object that cannot be read: nothing in it is nested.
#[derive(Deserialize)]
struct Outline<'a> {
    metadata: Identity,
    #[serde(borrow)]
    spec: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
}

/// What is read of the spec of an object that cannot be read.
#[derive(Deserialize)]
struct Granting {
    #[serde(default)]
    grants: Vec<Granted>,
}

#[derive(Deserialize)]
struct Granted {
    #[serde(default)]
    namespaces: Vec<String>,
}

fn granted_by(spec: &RawValue) -> Vec<String> {
    let granting = serde_json::from_str::<Granting>(spec.get());
    granting.map(|granting| granting.grants.into_iter().flat_map(|grant| grant.namespaces).collect()).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    namespace: Option<String>,
    name: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    deletion_timestamp: Option<Time>,
    finalizers: Option<Vec<String>>,
    annotations: Option<BTreeMap<String, String>>,
}

impl From<Identity> for ObjectMeta {
    fn from(identity: Identity) -> Self {
        let Identity { namespace, name, uid, resource_version, generation, deletion_timestamp, finalizers, annotations } = identity;
        let mut meta =
            Self { namespace, name, uid, resource_version, generation, deletion_timestamp, finalizers, annotations, ..Self::default() };
        keep_own(&mut meta);
        meta.finalizers = meta.finalizers.filter(|finalizers| size_of_all(finalizers) <= MOST_FINALIZERS);
        meta
    }
}

fn size_of_all(texts: &[String]) -> usize {
    texts.iter().map(String::len).sum()
}

impl<'de, K: DeserializeOwned + Resource> Deserialize<'de> for Isolated<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Skipped over without recursion, then read with a budget of its own.
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let read = if raw.get().contains(MAGIC) { Err(format!("it contains {MAGIC}")) } else { read(raw.get()) };
        let error = match read {
            Ok(object) => return Ok(Self { read: Ok(object), size: raw.get().len() }),
            Err(error) => error,
        };
        let Outline { metadata, spec, status } = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        let status = status.map(RawValue::get).filter(|status| !status.contains(MAGIC)).and_then(what_is_kept);
        let granted = spec.filter(|spec| !spec.get().contains(MAGIC)).map(granted_by).unwrap_or_default();
        Ok(Self { read: Err(Unreadable { error, metadata: metadata.into(), status, granted }), size: raw.get().len() })
    }
}

impl<K: Resource> Resource for Isolated<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(of: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(of)
    }

    fn group(of: &Self::DynamicType) -> Cow<'_, str> {
        K::group(of)
    }

    fn version(of: &Self::DynamicType) -> Cow<'_, str> {
        K::version(of)
    }

    fn plural(of: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(of)
    }

    fn meta(&self) -> &ObjectMeta {
        self.read.as_ref().map_or_else(|unreadable| &unreadable.metadata, K::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.read.as_mut().map_or_else(|unreadable| &mut unreadable.metadata, K::meta_mut)
    }

    fn metadata_api() -> bool {
        K::metadata_api()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Secret;
    use kube::core::{ObjectList, PartialObjectMeta, WatchEvent};
    use moorage_crds::DeviceCredential;
    use serde_json::json;

    use super::*;

    type Metadata = Isolated<PartialObjectMeta<Secret>>;

    fn credential(name: &str, tags: &str) -> String {
        format!(
            r#"{{"apiVersion": "moorage.dev/v1alpha1", "kind": "DeviceCredential",
                "metadata": {{"namespace": "a", "name": "{name}", "uid": "u", "resourceVersion": "7"}},
                "spec": {{"enrollmentGroupRef": {{"name": "g"}}, "registrationId": "r", "secret": {{"name": "s"}},
                          "individualEnrollment": {{"initialTwin": {{"tags": {tags}}}}}}}}}"#
        )
    }

    /// A thousand times deeper than any twin, and as deep as the API server takes it.
    fn deep(levels: usize) -> String {
        format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
    }

    fn names<K: Resource>(list: &[Isolated<K>]) -> Vec<(String, bool)> {
        list.iter().map(|one| (one.meta().name.clone().unwrap_or_default(), one.read.is_ok())).collect()
    }

    #[test]
    fn an_object_nested_too_deep_is_the_only_one_of_its_list_that_cannot_be_read() {
        for levels in [200, 9_000] {
            let items = [credential("before", "{}"), credential("deep", &deep(levels)), credential("after", "{}")].join(",");
            let list = format!(r#"{{"kind": "List", "apiVersion": "v1", "metadata": {{"resourceVersion": "9"}}, "items": [{items}]}}"#);
            let list: ObjectList<Isolated<DeviceCredential>> = serde_json::from_str(&list).expect("the list can be read");
            let expected = [("before", true), ("deep", false), ("after", true)].map(|(name, readable)| (name.to_owned(), readable));
            assert_eq!(names(&list.items), expected);
            assert_eq!(list.items[1].meta().resource_version.as_deref(), Some("7"));
            let Err(deep) = &list.items[1].read else { panic!("it is not read") };
            assert_eq!(deep.status, None);
        }
    }

    /// JSON in a text in JSON, each read with a budget of its own if it is read at all.
    fn magic(layers: usize) -> String {
        (0..layers).fold("1".to_owned(), |inner, _| {
            let text = inner.replace('\\', "\\u005c").replace('"', "\\u0022");
            format!(r#"{{"{MAGIC}RawValue": "{text}"}}"#)
        })
    }

    #[test]
    fn an_object_by_which_the_library_would_read_itself_to_the_end_of_the_stack_is_not_read() {
        let text = credential("bomb", &format!(r#"{{"a": {}}}"#, magic(40)));
        let read: Isolated<DeviceCredential> = serde_json::from_str(&text).expect("it has a name");
        let unreadable = read.read.expect_err("it is not read");
        assert_eq!((unreadable.metadata.name.as_deref(), &*unreadable.error), (Some("bomb"), "it contains $serde_json::private::"));
    }

    #[test]
    fn so_it_is_in_a_watch_and_with_metadata_alone() {
        let event = format!(r#"{{"type":"ADDED","object":{}}}"#, credential("deep", &deep(200)));
        let Ok(WatchEvent::Added(object)) = serde_json::from_str::<WatchEvent<Isolated<DeviceCredential>>>(&event) else {
            panic!("the event can be read")
        };
        assert_eq!(names(&[object]), [("deep".to_owned(), false)]);

        let fields = deep(200);
        let secret = format!(
            r#"{{"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                "metadata": {{"name": "s", "managedFields": [{{"manager": "m", "fieldsV1": {fields}}}]}}}}"#
        );
        let event = format!(r#"{{"type":"MODIFIED","object":{secret}}}"#);
        let Ok(WatchEvent::Modified(object)) = serde_json::from_str::<WatchEvent<Metadata>>(&event) else {
            panic!("the event can be read")
        };
        assert_eq!(names(&[object]), [("s".to_owned(), false)]);
        assert!(Metadata::metadata_api() && !Isolated::<Secret>::metadata_api());
    }

    #[test]
    fn so_it_is_with_an_object_of_another_shape_and_what_is_none_is_an_error() {
        let wrong = json!({"metadata": {"namespace": "a", "name": "wrong"}, "spec": {"registrationId": 7}});
        let read: Isolated<DeviceCredential> = serde_json::from_str(&wrong.to_string()).expect("it has a name");
        let unreadable = read.read.expect_err("it has no group");
        assert_eq!((unreadable.metadata.name.as_deref(), unreadable.metadata.namespace.as_deref()), (Some("wrong"), Some("a")));
        serde_json::from_str::<Isolated<DeviceCredential>>("7").expect_err("no object");
    }

    #[test]
    fn of_an_object_only_what_is_ours_is_kept_however_large_the_rest_is() {
        let long = "x".repeat(LARGEST_STATUS);
        let mut object: serde_json::Value = serde_json::from_str(&credential("large", "{}")).expect("JSON");
        object["metadata"]["annotations"] = json!({
            "example.com/theirs": long, "moorage.dev/paused": "true", "moorage.dev/sync-requested-at": "x".repeat(2 << 10),
        });
        (object["metadata"]["labels"], object["status"]) =
            (json!({ "a": "b" }), json!({ "registrationId": "told", "conditions": [], "observedGeneration": 1 }));
        let read =
            |object: &serde_json::Value| serde_json::from_str::<Isolated<DeviceCredential>>(&object.to_string()).expect("it has a name");
        let mut ordinary = read(&object).read.expect("it is read");
        assert_eq!(ordinary.status.as_ref().and_then(|status| status.registration_id.as_deref()), Some("told"));
        keep_own(&mut ordinary.metadata);
        assert_eq!(ordinary.metadata.annotations, Some([("moorage.dev/paused".to_owned(), "true".to_owned())].into()));
        assert_eq!(ordinary.metadata.labels, None);

        object["status"]["secretName"] = long.into();
        let forged = read(&object).read.expect("it is read");
        let status = forged.status.expect("the rest of it is read");
        assert_eq!((status.secret_name, status.registration_id.as_deref()), (None, Some("told")));
        assert_eq!(forged.spec.registration_id.as_deref(), Some("r"));
        object["metadata"]["finalizers"] = json!(["example.com/f".repeat(2 << 10)]);
        object["status"] = json!({ "observedGeneration": 1 });
        let unreadable = read(&object).read.expect_err("it is not read");
        assert!(unreadable.error.contains("finalizers"), "{}", unreadable.error);
        // What is needed to tell it, and to let it go.
        assert_eq!(unreadable.status, Some(json!({ "observedGeneration": 1 })));
        object["status"]["secretName"] = "x".repeat(LARGEST_STATUS).into();
        let unreadable_and_large = read(&object).read.expect_err("it is not read");
        assert_eq!(unreadable_and_large.status, unreadable.status, "what was told when is not told anew");
        assert_eq!(unreadable.metadata.finalizers, None);
        assert_eq!(unreadable.metadata.annotations, Some([("moorage.dev/paused".to_owned(), "true".to_owned())].into()));
    }
}
