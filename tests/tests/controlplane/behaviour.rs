use k8s_openapi::{
    api::{
        core::v1::{ConfigMap, Namespace, ServiceAccount},
        rbac::v1::RoleBinding,
    },
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, PostParams},
};
use moorage_tests::{
    controlplane::{ControlPlane, block_on, owned},
    wait::{NotYet, until},
};
use serde_json::json;
use std::{process::Stdio, time::Duration};
use tokio::io::AsyncWriteExt;

const SOON: Duration = Duration::from_secs(30);

async fn namespace(plane: &ControlPlane) -> anyhow::Result<String> {
    let api: Api<Namespace> = Api::all(plane.admin());
    let metadata = ObjectMeta { generate_name: Some("controlplane-".to_owned()), ..ObjectMeta::default() };
    let created = api.create(&PostParams::default(), &Namespace { metadata, ..Namespace::default() }).await?;
    Ok(created.name_any())
}

async fn config_map(client: &Client, namespace: &str, name: &str, owner: Option<&ConfigMap>) -> kube::Result<ConfigMap> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let owner = owner.map(|owner| OwnerReference {
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        name: owner.name_any(),
        uid: owner.uid().unwrap_or_default(),
        ..OwnerReference::default()
    });
    let metadata = ObjectMeta { name: Some(name.to_owned()), owner_references: owner.map(|owner| vec![owner]), ..ObjectMeta::default() };
    api.create(&PostParams::default(), &ConfigMap { metadata, ..ConfigMap::default() }).await
}

/// Lets the group `editors` edit in the namespace.
async fn let_editors_in(plane: &ControlPlane, namespace: &str) -> anyhow::Result<()> {
    let api: Api<RoleBinding> = Api::namespaced(plane.admin(), namespace);
    let binding = serde_json::from_value(json!({
        "metadata": { "name": "editors" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "editors" }],
    }))?;
    api.create(&PostParams::default(), &binding).await?;
    Ok(())
}

#[test]
fn a_namespace_gets_its_service_account_and_the_root_certificate() -> anyhow::Result<()> {
    block_on(async {
        let plane = owned().await?;
        let namespace = namespace(plane).await?;
        let accounts: Api<ServiceAccount> = Api::namespaced(plane.admin(), &namespace);
        until("the service account", SOON, || async { Ok(accounts.get("default").await?) }).await?;
        let maps: Api<ConfigMap> = Api::namespaced(plane.admin(), &namespace);
        let root = until("the root certificate", SOON, || async { Ok(maps.get("kube-root-ca.crt").await?) }).await?;
        let ours = std::fs::read_to_string(plane.directory().join("ca.crt"))?;
        assert_eq!(root.data.unwrap_or_default().get("ca.crt"), Some(&ours));
        Ok(())
    })
}

#[test]
fn what_is_owned_goes_with_its_owner() -> anyhow::Result<()> {
    block_on(async {
        let plane = owned().await?;
        let namespace = namespace(plane).await?;
        let owner = config_map(&plane.admin(), &namespace, "owner", None).await?;
        config_map(&plane.admin(), &namespace, "owned", Some(&owner)).await?;
        config_map(&plane.admin(), &namespace, "other", None).await?;

        let maps: Api<ConfigMap> = Api::namespaced(plane.admin(), &namespace);
        maps.delete("owner", &DeleteParams::default()).await?;
        let gone = || async {
            match maps.get_opt("owned").await? {
                None => Ok(()),
                Some(_) => Err(NotYet::seen("it is there")),
            }
        };
        until("the owned one is collected", SOON, gone).await?;
        assert!(maps.get_opt("other").await?.is_some());
        Ok(())
    })
}

#[test]
fn a_user_without_a_role_is_refused() -> anyhow::Result<()> {
    block_on(async {
        let plane = owned().await?;
        let namespace = namespace(plane).await?;
        let nobody = plane.user("nobody", None)?;
        let maps: Api<ConfigMap> = Api::namespaced(nobody.client().await?, &namespace);
        let refused = maps.list(&ListParams::default()).await;
        assert!(matches!(&refused, Err(kube::Error::Api(status)) if status.code == 403), "{refused:?}");
        Ok(())
    })
}

#[test]
fn a_service_account_calls_under_its_own_name() -> anyhow::Result<()> {
    block_on(async {
        let plane = owned().await?;
        let namespace = namespace(plane).await?;
        let accounts: Api<ServiceAccount> = Api::namespaced(plane.admin(), &namespace);
        until("the service account", SOON, || async { Ok(accounts.get("default").await?) }).await?;
        let login = plane.service_account(&namespace, "default").await?;
        let output = plane.kubectl_as(&login)?.args(["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]).output().await?;
        assert_eq!(String::from_utf8(output.stdout)?, format!("system:serviceaccount:{namespace}:default"));
        Ok(())
    })
}

#[test]
fn the_audit_log_tells_who_wrote_what() -> anyhow::Result<()> {
    block_on(async {
        let plane = owned().await?;
        let namespace = namespace(plane).await?;
        let_editors_in(plane, &namespace).await?;
        let user = format!("writer-in-{namespace}");
        let login = plane.user(&user, Some("editors"))?;
        let audit = plane.audit().from_now()?;
        config_map(&login.client().await?, &namespace, "noted", None).await?;
        Api::<ConfigMap>::namespaced(login.client().await?, &namespace).get("noted").await?;

        audit.until("the reading is noted", |event| event.user == user && event.verb == "get").await?;
        let written: Vec<_> = audit.writes_of(&user)?.into_iter().map(|event| (event.verb, event.resource, event.code)).collect();
        assert_eq!(written, [("create".to_owned(), "configmaps".to_owned(), 201)]);
        assert_eq!(audit.reads_of(&user)?.len(), 1);
        Ok(())
    })
}

#[test]
fn kubectl_applies_and_explains() -> anyhow::Result<()> {
    block_on(async {
        let plane = owned().await?;
        let namespace = namespace(plane).await?;
        let mut apply = plane.kubectl();
        apply.args(["apply", "--namespace", &namespace, "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut apply = apply.spawn()?;
        let mut stdin = apply.stdin.take().expect("its input is a pipe");
        stdin.write_all(b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: applied\n").await?;
        drop(stdin);
        let output = apply.wait_with_output().await?;
        assert_eq!(String::from_utf8(output.stdout)?, "configmap/applied created\n");

        let output = plane.kubectl().args(["explain", "configmap.data"]).output().await?;
        let explained = String::from_utf8(output.stdout)?;
        assert!(explained.contains("Data contains the configuration data."), "{explained}");
        Ok(())
    })
}
