//! The small API server against the real one: the same requests, put to both, are answered with the same statuses and leave the
//! same objects.

use http::{Method, Request};
use http_body_util::BodyExt;
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use moorage_tests::apiserver::{ApiServer, path_of};
use moorage_tests::controlplane::{block_on, shared};
use serde_json::{Value, json};

const NAMESPACE: &str = "same";

/// One request of the table.
struct Asked {
    method: Method,
    path: String,
    content: &'static str,
    body: Value,
}

const MERGE: &str = "application/merge-patch+json";
const OPERATIONS: &str = "application/json-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// The table. Objects that earlier requests made are there for later ones; `{uid}` and `{version}` stand for those of the object
/// that was answered with last.
fn table() -> Vec<Asked> {
    let mut table = Vec::new();
    let mut ask = |method: Method, path: String, body: Value| {
        let content = if method == Method::PATCH { MERGE } else { "application/json" };
        table.push(Asked { method, path, content, body });
    };
    let secret = |name: &str| path_of("Secret", NAMESPACE, name);
    let credential = |name: &str| path_of("DeviceCredential", NAMESPACE, name);
    let of = |kind: &str, name: &str, more: Value| {
        let version = if kind == "Secret" || kind == "ConfigMap" { "v1" } else { "moorage.dev/v1alpha1" };
        let mut object = json!({ "apiVersion": version, "kind": kind, "metadata": { "namespace": NAMESPACE, "name": name } });
        for (field, value) in more.as_object().into_iter().flatten() {
            object[field] = value.clone();
        }
        object
    };
    let spec = json!({ "spec": { "enrollmentGroupRef": { "name": "g" }, "secret": {}, "deletionPolicy": "Retain" } });
    let (get, post, put, patch, delete) = (Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE);

    ask(get.clone(), secret("a"), Value::Null);
    ask(post.clone(), secret(""), of("Secret", "a", json!({ "data": { "k": "dg==" } })));
    ask(post.clone(), secret(""), of("Secret", "a", json!({})));
    ask(post.clone(), secret(""), of("Secret", "Not Valid", json!({})));
    ask(post.clone(), secret(""), of("Secret", "", json!({})));
    ask(post.clone(), secret(""), of("Secret", "b", json!({ "data": { "not valid": "dg==" } })));
    ask(post.clone(), secret(""), of("Secret", "b", json!({ "data": { "k": "no base64" } })));
    ask(post.clone(), path_of("Secret", "nowhere", ""), json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "a" } }));
    ask(get.clone(), secret("a"), Value::Null);
    ask(put.clone(), secret("a"), of("Secret", "a", json!({ "data": { "k": "dg==" } })));
    ask(put.clone(), secret("a"), of("Secret", "a", json!({ "data": { "k": "dw==" } })));
    ask(
        put.clone(),
        secret("a"),
        of(
            "Secret",
            "a",
            json!({ "metadata": { "name": "a", "namespace": NAMESPACE, "resourceVersion": "{version}" }, "data": { "k": "eA==" } }),
        ),
    );
    ask(
        put.clone(),
        secret("a"),
        of("Secret", "a", json!({ "metadata": { "name": "a", "namespace": NAMESPACE, "resourceVersion": "1" }, "data": { "k": "eQ==" } })),
    );
    ask(
        put.clone(),
        secret("a"),
        of("Secret", "a", json!({ "metadata": { "name": "a", "namespace": NAMESPACE, "uid": "00000000-0000-0000-0000-000000000000" } })),
    );
    ask(put.clone(), secret("a"), of("Secret", "other", json!({})));
    ask(put.clone(), secret("none"), of("Secret", "none", json!({})));
    ask(put.clone(), secret("a"), of("Secret", "a", json!({ "type": "other" })));
    ask(patch.clone(), secret("a"), json!({ "metadata": { "labels": { "x": "y" } } }));
    ask(patch.clone(), secret("a"), json!({ "metadata": { "labels": { "x": null } } }));
    ask(patch.clone(), secret("none"), json!({}));
    ask(delete.clone(), secret("a"), json!({ "preconditions": { "uid": "00000000-0000-0000-0000-000000000000" } }));
    ask(delete.clone(), secret("a"), json!({}));
    ask(delete.clone(), secret("a"), json!({}));

    ask(post.clone(), path_of("ConfigMap", NAMESPACE, ""), of("ConfigMap", "page", json!({ "data": { "a": "1", "b": "2" } })));
    ask(patch.clone(), path_of("ConfigMap", NAMESPACE, "page"), json!({ "data": { "a": null, "c": "3" } }));
    ask(patch.clone(), path_of("ConfigMap", NAMESPACE, "page"), json!({ "data": { "a": null, "c": "3" } }));
    ask(patch.clone(), path_of("ConfigMap", NAMESPACE, "page"), json!({ "data": { "no colon:": "3" } }));
    ask(delete.clone(), path_of("ConfigMap", NAMESPACE, "page"), json!({}));

    let mut with_status = of("DeviceCredential", "d", spec.clone());
    with_status["status"] = json!({ "observedGeneration": 7 });
    ask(post.clone(), credential(""), with_status);
    ask(patch.clone(), format!("{}/status", credential("d")), json!({ "status": { "observedGeneration": 1, "revision": 3 } }));
    ask(patch.clone(), format!("{}/status", credential("d")), json!({ "status": { "revision": 3 } }));
    ask(
        patch.clone(),
        format!("{}/status", credential("d")),
        json!({ "spec": { "deletionPolicy": "Disenroll" }, "metadata": { "labels": { "x": "y" } } }),
    );
    ask(patch.clone(), credential("d"), json!({ "status": { "revision": 9 }, "metadata": { "annotations": { "a": "b" } } }));
    ask(patch.clone(), credential("d"), json!({ "spec": { "deletionPolicy": "Disenroll" } }));
    ask(patch.clone(), credential("d"), json!({ "metadata": { "finalizers": ["moorage.dev/cloud"], "resourceVersion": "{version}" } }));
    ask(patch.clone(), credential("d"), json!({ "metadata": { "finalizers": [], "resourceVersion": "1" } }));
    ask(put.clone(), credential("d"), of("DeviceCredential", "d", spec));
    ask(delete.clone(), credential("d"), json!({}));
    ask(delete.clone(), credential("d"), json!({}));
    ask(patch.clone(), credential("d"), json!({ "metadata": { "finalizers": ["moorage.dev/cloud", "more.dev/x"] } }));
    ask(patch.clone(), format!("{}/status", credential("d")), json!({ "status": { "revision": 4 } }));
    ask(patch.clone(), credential("d"), json!({ "metadata": { "finalizers": null } }));
    ask(get.clone(), credential("d"), Value::Null);
    ask(get.clone(), secret(""), Value::Null);
    ask(get, "/apis/moorage.dev/v1alpha1/nosuchthings".to_owned(), Value::Null);
    table.extend(patches());
    table
}

/// Applying, operations, texts of Secrets, and what a schema does to an object.
fn patches() -> Vec<Asked> {
    let mut table = Vec::new();
    let mut ask = |content: &'static str, path: String, body: Value| {
        let path = if content == APPLY { format!("{path}?fieldManager=table&force=true") } else { path };
        table.push(Asked { method: Method::PATCH, path, content, body });
    };
    let meta = |name: &str| json!({ "namespace": NAMESPACE, "name": name });
    let secret = |more: Value| {
        let mut object = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": meta("applied") });
        more.as_object().into_iter().flatten().for_each(|(field, value)| object[field] = value.clone());
        object
    };
    let at = path_of("Secret", NAMESPACE, "applied");
    ask(APPLY, at.clone(), secret(json!({ "stringData": { "k": "v" }, "type": "kubernetes.io/tls" })));
    ask(APPLY, at.clone(), secret(json!({ "data": { "tls.crt": "dg==", "tls.key": "" }, "type": "kubernetes.io/tls" })));
    ask(APPLY, at.clone(), secret(json!({ "data": { "tls.crt": "dg==", "tls.key": "" }, "type": "kubernetes.io/tls" })));
    ask(
        APPLY,
        at.clone(),
        secret(
            json!({ "data": { "tls.crt": "dw==", "tls.key": "" }, "type": "kubernetes.io/tls", "metadata": { "name": "applied", "labels": { "x": "y" } } }),
        ),
    );
    ask(APPLY, at.clone(), secret(json!({ "metadata": { "name": "other" } })));
    ask(APPLY, at.clone(), secret(json!({ "metadata": { "name": "applied", "resourceVersion": "1" } })));
    ask(MERGE, at.clone(), json!({ "stringData": { "tls.key": "text" } }));
    ask(MERGE, at.clone(), json!({ "stringData": { "tls.key": "text" } }));

    let credential = path_of("DeviceCredential", NAMESPACE, "s");
    let spec = json!({
        "enrollmentGroupRef": { "name": "g" },
        "secret": { "keys": { "deviceKey": "A" } },
        "certificate": null,
        "dpsToken": {},
    });
    let object = json!({ "apiVersion": "moorage.dev/v1alpha1", "kind": "DeviceCredential", "metadata": meta("s"), "spec": spec });
    // Not twice: the real one then notes anew who applied what, which the small one does not know.
    ask(APPLY, credential.clone(), object);
    ask(OPERATIONS, credential.clone(), json!([{ "op": "replace", "path": "/spec/secret/keys", "value": { "deviceKey": "B" } }]));
    ask(OPERATIONS, credential.clone(), json!([{ "op": "add", "path": "/spec/individualEnrollment", "value": {} }]));
    ask(OPERATIONS, credential.clone(), json!([{ "op": "remove", "path": "/spec/individualEnrollment" }]));
    ask(OPERATIONS, path_of("DeviceCredential", NAMESPACE, "none"), json!([]));
    ask(MERGE, credential.clone(), json!({ "spec": { "unknown": 2 } }));
    ask(MERGE, format!("{credential}/status"), json!({ "status": { "revision": 3, "unknown": 3 } }));
    ask(MERGE, credential, json!({ "metadata": { "annotations": { "a": "b" } } }));

    let certificate = path_of("Certificate", NAMESPACE, "c");
    let object = |secret: &str, more: Value| {
        let mut metadata = meta("c");
        more.as_object().into_iter().flatten().for_each(|(field, value)| metadata[field] = value.clone());
        let spec = json!({ "secretName": secret, "issuerRef": { "name": "i" } });
        json!({ "apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": metadata, "spec": spec })
    };
    ask(APPLY, certificate.clone(), object("a", json!({ "uid": "00000000-0000-0000-0000-000000000000" })));
    ask(APPLY, certificate.clone(), object("a", json!({ "resourceVersion": "1" })));
    ask(APPLY, certificate.clone(), object("a", json!({})));
    ask(MERGE, format!("{certificate}/status"), json!({ "status": { "revision": 1 } }));
    ask(APPLY, certificate.clone(), object("b", json!({ "resourceVersion": "1" })));
    ask(APPLY, certificate, object("b", json!({ "labels": { "x": "y" } })));
    table
}

/// What of an answer is the same on both.
fn relevant(status: u16, body: &Value) -> Value {
    let meta = &body["metadata"];
    json!({
        "status": status,
        "reason": if status >= 400 { body["reason"].clone() } else { Value::Null },
        "kind": body["kind"],
        "name": meta["name"],
        "labels": meta["labels"],
        "annotations": meta["annotations"],
        "finalizers": meta["finalizers"],
        "generation": meta["generation"],
        "deleting": meta["deletionTimestamp"].is_string(),
        "has": [meta["uid"].is_string(), meta["resourceVersion"].is_string(), meta["creationTimestamp"].is_string()],
        "data": body["data"],
        "type": body["type"],
        "spec": body["spec"],
        "status of the object": if status < 300 { body["status"].clone() } else { Value::Null },
    })
}

/// Puts a table to a server and tells what is answered; whether versions moved is part of it.
async fn told(client: &Client, table: &[Asked]) -> anyhow::Result<Vec<Value>> {
    let (mut uid, mut version) = (String::new(), String::new());
    let mut told = Vec::new();
    for asked in table {
        let body =
            if asked.body.is_null() { String::new() } else { asked.body.to_string().replace("{uid}", &uid).replace("{version}", &version) };
        let request = Request::builder().method(&asked.method).uri(&asked.path).header("content-type", asked.content);
        let answer = client.send(request.body(Body::from(body.into_bytes()))?).await?;
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await?.to_bytes();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let mut seen = relevant(status, &body);
        if status < 300 && body["metadata"]["name"].is_string() {
            let next = body["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
            seen["moved"] = (next != version).into();
            version = next;
            body["metadata"]["uid"].as_str().unwrap_or_default().clone_into(&mut uid);
        }
        told.push(seen);
    }
    Ok(told)
}

#[test]
fn the_small_api_server_answers_as_the_real_one() -> anyhow::Result<()> {
    block_on(async {
        let real = shared().await?.admin();
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
        let made = Request::post("/api/v1/namespaces")
            .header("content-type", "application/json")
            .body(Body::from(namespace.to_string().into_bytes()))?;
        anyhow::ensure!(real.send(made).await?.status().is_success(), "the namespace was not made");
        let small = ApiServer::new(|| Timestamp::UNIX_EPOCH);
        small.add_namespace(NAMESPACE);

        let table = table();
        let (real, small) = (told(&real, &table).await?, told(&small.operators_client(), &table).await?);
        let all = table.iter().zip(&real).zip(&small);
        let differ: Vec<_> = all.filter(|((_, real), small)| real != small).collect();
        let told = differ
            .iter()
            .map(|((asked, real), small)| format!("{} {} {}\n  real:  {real}\n  small: {small}", asked.method, asked.path, asked.body));
        assert!(differ.is_empty(), "{}", told.collect::<Vec<_>>().join("\n"));
        Ok(())
    })
}
