//! What the operator's roles allow, and what of it a whole life of tenants takes.

use std::collections::BTreeSet;

use k8s_openapi::api::rbac::v1::PolicyRule;
use moorage_tests::controlplane::block_on;
use moorage_tests::tenants::Tenants;

use crate::s0::confirm_all;

/// Rights that only other lives take: a repeated Event becomes a series, and only replicas that could be two have a Lease (`fail_over`).
const OF_OTHERS: [&str; 4] = [
    "patch events.events.k8s.io",
    "get leases.coordination.k8s.io",
    "create leases.coordination.k8s.io",
    "update leases.coordination.k8s.io",
];

fn granted() -> anyhow::Result<BTreeSet<String>> {
    let mut rights = BTreeSet::new();
    for name in ["cluster", "namespace"] {
        let path = format!("{}/../charts/moorage/rbac/{name}.rules.yaml", env!("CARGO_MANIFEST_DIR"));
        let rules: Vec<PolicyRule> = serde_saphyr::from_str(&std::fs::read_to_string(path)?)?;
        for rule in &rules {
            for (group, resource) in rule.api_groups.iter().flatten().zip(std::iter::repeat(&rule.resources)) {
                let all = resource.iter().flatten().flat_map(|resource| rule.verbs.iter().map(move |verb| (verb, resource)));
                rights.extend(all.map(|(verb, resource)| format!("{verb} {resource}.{group}")));
            }
        }
    }
    Ok(rights)
}

#[test]
fn every_right_of_the_operator_is_used() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("rights").await?;
        tenants.harness.kubectl(&["delete", "--wait=false", "-f", "-"], &tenants.example.text()).await?;
        confirm_all(&tenants).await?;
        tenants.harness.until_gone("CloudAccount", &tenants.example.namespace("platform"), "azure").await?;
        let user = tenants.harness.operator_user();
        let asked = tenants.harness.control().audit().entries()?.into_iter().filter(|event| event.user == user);
        let taken: BTreeSet<_> = asked
            .map(|event| {
                let subresource = if event.subresource.is_empty() { String::new() } else { format!("/{}", event.subresource) };
                format!("{} {}{subresource}.{}", event.verb, event.resource, event.group)
            })
            .collect();
        let unused: Vec<_> = granted()?.into_iter().filter(|right| !taken.contains(right) && !OF_OTHERS.contains(&&**right)).collect();
        assert_eq!(unused, [""; 0], "rights that nothing takes");
        tenants.end().await
    })
}
