//! What the chart ships beside templates: the definitions of the kinds, and the operator's rights.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::repository::{expect_fresh, files, read};

const RBAC: &str = "charts/moorage/rbac";
const NAMESPACE: &str = "moorage-system";
/// Where the rules about our kinds end, which are generated.
const OTHERS: &str = "# What was done is told as Events";

#[test]
fn the_charts_definitions_are_those_of_the_types() -> anyhow::Result<()> {
    let names = |folder: &str| -> anyhow::Result<BTreeSet<String>> {
        Ok(files()?.iter().filter_map(|path| Some(path.strip_prefix(folder).ok()?.to_string_lossy().into_owned())).collect())
    };
    let defined = names("crds/yaml")?;
    assert!(!defined.is_empty());
    for name in &defined {
        expect_fresh(&format!("charts/moorage/definitions/{name}"), &read(format!("crds/yaml/{name}"))?)?;
    }
    assert_eq!(names("charts/moorage/definitions")?, defined);
    Ok(())
}

#[test]
fn the_rights_for_kubectl_users_are_those_of_the_chart() -> anyhow::Result<()> {
    expect_fresh(&format!("{RBAC}/rbac.yaml"), &rbac()?)
}

/// What the operator may do with the kinds of the list, before what it may do with other things.
#[test]
fn the_rights_to_our_kinds_follow_from_their_list() -> anyhow::Result<()> {
    let path = format!("{RBAC}/cluster.rules.yaml");
    let committed = read(&path)?;
    let others = committed.find(OTHERS).with_context(|| format!("{path} has no line that begins \"{OTHERS}\""))?;
    let plurals: Vec<_> = moorage_crds::all().into_iter().map(|crd| crd.spec.names.plural).collect();
    let rule = |why: &str, resources: Vec<String>, verbs: &str| {
        let resources = resources.join("\n    - ");
        format!("# {why}\n- apiGroups: [moorage.dev]\n  resources:\n    - {resources}\n  verbs: [{verbs}]\n")
    };
    let rules = [
        "# Generated from the list of kinds as far as moorage.dev goes.\n".to_owned(),
        rule("What users wrote is watched, in every namespace that the operator works for.", plurals.clone(), "list, watch"),
        rule(
            "Finalizers are set and taken away on the object itself. RBAC cannot narrow this to metadata; the operator writes no spec.",
            plurals.clone(),
            "patch",
        ),
        rule("What was seen is told in the status.", plurals.iter().map(|plural| format!("{plural}/status")).collect(), "patch"),
    ];
    expect_fresh(&path, &format!("{}{}", rules.concat(), &committed[others..]))
}

/// The rules live in one file each, with their reasons; chart and plain YAML take them in as they are.
fn rbac() -> anyhow::Result<String> {
    let rules = |name: &str| read(format!("{RBAC}/{name}.rules.yaml"));
    let object = |kind: &str, name: &str, namespaced: bool| {
        let namespace = if namespaced { format!("\n  namespace: {NAMESPACE}") } else { String::new() };
        let group = if kind == "ServiceAccount" || kind == "Namespace" { "v1" } else { "rbac.authorization.k8s.io/v1" };
        format!("apiVersion: {group}\nkind: {kind}\nmetadata:\n  name: {name}{namespace}\n")
    };
    let bound = |role: &str, name: &str| {
        format!(
            "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {role}\n  name: {name}\n\
             subjects:\n  - kind: ServiceAccount\n    name: moorage\n    namespace: {NAMESPACE}\n"
        )
    };
    let parts = [
        object("Namespace", NAMESPACE, false),
        object("ServiceAccount", "moorage", true),
        format!("{}rules:\n{}", object("ClusterRole", "moorage", false), rules("cluster")?),
        format!("{}{}", object("ClusterRoleBinding", "moorage", false), bound("ClusterRole", "moorage")),
        format!("{}rules:\n{}", object("Role", "moorage", true), rules("namespace")?),
        format!("{}{}", object("RoleBinding", "moorage", true), bound("Role", "moorage")),
        format!("{}rules:\n{}", object("ClusterRole", "moorage-secrets", false), rules("secrets")?),
        format!("{}rules:\n{}", object("ClusterRole", "moorage-metrics-auth", false), rules("metrics-auth")?),
        format!("{}{}", object("ClusterRoleBinding", "moorage-metrics-auth", false), bound("ClusterRole", "moorage-metrics-auth")),
        format!("{}rules:\n{}", object("ClusterRole", "moorage-cluster-identity", false), rules("cluster-identity")?),
        format!("{}{}", object("ClusterRoleBinding", "moorage-cluster-identity", false), bound("ClusterRole", "moorage-cluster-identity")),
        format!("{}rules:\n{}", object("ClusterRole", "moorage-metrics-reader", false), rules("metrics-reader")?),
    ];
    Ok(format!(
        "# Generated from the rules beside it; do not edit.\n\
         # Secrets are bound namespace by namespace, in each one that has objects of moorage.dev with Secrets:\n\
         #   kubectl create rolebinding moorage-secrets -n NAMESPACE --clusterrole=moorage-secrets --serviceaccount={NAMESPACE}:moorage\n\
         # Tokens of a service account, for a CloudAccount with workloadIdentity, are a Role of its own namespace:\n\
         #   kubectl create role moorage-token-NAME -n NAMESPACE --verb=create --resource=serviceaccounts/token --resource-name=NAME\n\
         #   kubectl create rolebinding moorage-token-NAME -n NAMESPACE --role=moorage-token-NAME --serviceaccount={NAMESPACE}:moorage\n\
         # Whoever scrapes the metrics that name objects:\n\
         #   kubectl create clusterrolebinding moorage-metrics-reader --clusterrole=moorage-metrics-reader --serviceaccount=NAMESPACE:NAME\n{}",
        parts.join("---\n")
    ))
}

/// Every right of the operator, written out once more: a right that is added is added here, on purpose.
#[test]
fn the_operator_may_do_this_and_nothing_else() -> anyhow::Result<()> {
    let rights = |name: &str| -> anyhow::Result<Vec<String>> {
        let rules: Vec<PolicyRule> = serde_saphyr::from_str(&read(format!("{RBAC}/{name}.rules.yaml"))?)?;
        let mut rights: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for rule in rules {
            anyhow::ensure!(rule.non_resource_urls.is_none(), "the operator has no right to what is no resource: {rule:?}");
            for group in rule.api_groups.iter().flatten() {
                for resource in rule.resources.iter().flatten() {
                    rights.entry(format!("{resource}.{group}")).or_default().extend(rule.verbs.iter().cloned());
                }
            }
        }
        Ok(rights.into_iter().map(|(what, verbs)| format!("{what} {}", verbs.into_iter().collect::<Vec<_>>().join(" "))).collect())
    };
    let mut cluster = vec!["events.events.k8s.io create patch".to_owned()];
    for crd in moorage_crds::all() {
        let plural = crd.spec.names.plural;
        cluster.extend([format!("{plural}.moorage.dev list patch watch"), format!("{plural}/status.moorage.dev patch")]);
    }
    cluster.sort();
    assert_eq!(rights("cluster")?, cluster);
    assert_eq!(rights("namespace")?, ["configmaps. create delete list patch watch", "leases.coordination.k8s.io create get update"]);
    assert_eq!(
        rights("secrets")?,
        ["certificates.cert-manager.io create delete get patch", "secrets. create delete get list patch update watch"]
    );
    assert_eq!(rights("tokens")?, ["serviceaccounts/token. create"]);
    let identity: Vec<PolicyRule> = serde_saphyr::from_str(&read(format!("{RBAC}/cluster-identity.rules.yaml"))?)?;
    assert!(identity.iter().all(|rule| rule.resource_names.as_deref() == Some(&["kube-system".to_owned()])), "{identity:?}");
    assert_eq!(rights("cluster-identity")?, ["namespaces. get"]);
    assert_eq!(rights("metrics-auth")?, ["subjectaccessreviews.authorization.k8s.io create", "tokenreviews.authentication.k8s.io create"]);
    Ok(())
}

#[test]
fn whoever_scrapes_may_get_the_metrics_and_nothing_else_and_the_operator_binds_that_to_nobody() -> anyhow::Result<()> {
    let rules: Vec<PolicyRule> = serde_saphyr::from_str(&read(format!("{RBAC}/metrics-reader.rules.yaml"))?)?;
    let get = PolicyRule { non_resource_urls: Some(vec!["/metrics".to_owned()]), verbs: vec!["get".to_owned()], ..PolicyRule::default() };
    assert_eq!(rules, [get]);
    for path in [format!("{RBAC}/rbac.yaml"), "charts/moorage/templates/rbac.yaml".to_owned()] {
        let text = read(&path)?;
        let bindings = text.split("---\n").filter(|object| object.contains("Binding\n"));
        assert!(bindings.into_iter().all(|binding| !binding.contains("  name: moorage-metrics-reader\n")), "{path}");
    }
    Ok(())
}

/// The ports of the chart are those that the program opens, probes go where anybody may, and the policy lets in both.
#[test]
fn the_charts_ports_are_those_of_the_program() -> anyhow::Result<()> {
    let deployment = read("charts/moorage/templates/deployment.yaml")?;
    let parts = [
        "- --health-probe-bind-address=0.0.0.0:8081\n",
        "- --metrics-bind-address=0.0.0.0:8443\n",
        "- name: health\n              containerPort: 8081\n            - name: metrics\n              containerPort: 8443\n",
        "path: /livez\n              port: health\n",
        "path: /readyz\n              port: health\n",
    ];
    for part in parts {
        assert!(deployment.contains(part), "{part}");
    }
    assert!(read("charts/moorage/templates/service.yaml")?.contains("port: 8443\n      targetPort: metrics\n"));
    let policy = read("charts/moorage/templates/networkpolicy.yaml")?;
    assert!(["- port: health\n", "- port: metrics\n"].iter().all(|port| policy.contains(port)), "{policy}");
    Ok(())
}

/// A right to the tokens of every service account would be a right to be anybody.
#[test]
fn the_right_to_tokens_is_for_a_service_account_by_name_in_a_role_of_its_namespace() -> anyhow::Result<()> {
    let rules: Vec<PolicyRule> = serde_saphyr::from_str(&read(format!("{RBAC}/tokens.rules.yaml"))?)?;
    let names: Vec<_> = rules.iter().map(|rule| rule.resource_names.clone().unwrap_or_default()).collect();
    assert_eq!(names, [["SERVICE_ACCOUNT"]]);
    let template = read("charts/moorage/templates/rbac.yaml")?;
    let documents: Vec<_> = template.split("---\n").filter(|text| text.contains("moorage-token-{{ .serviceAccount }}")).collect();
    let kinds: Vec<_> = documents.iter().filter_map(|text| text.lines().find(|line| line.starts_with("kind: "))).collect();
    assert_eq!(kinds, ["kind: Role", "kind: RoleBinding"]);
    assert!(documents.iter().all(|text| text.contains("\n  namespace: {{ .namespace }}\n")), "{documents:?}");
    assert!(documents[0].contains("rbac/tokens.rules.yaml\" | replace \"SERVICE_ACCOUNT\" .serviceAccount"), "{}", documents[0]);
    Ok(())
}
