use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt;
use futures::future::join_all;
use moorage_cloud::{Arm, Class, Detail, Limit};
use moorage_keys::Token;
use moorage_simulator::{Application, CLIENT, Fault, FederatedCredential, Match, Occurrence, Options, Rule, SUBSCRIPTION, TENANT};
use serde_json::json;

use crate::setup::Bench;

const LOGIN: &str = "login.microsoftonline.com";

#[tokio::test]
async fn a_wrong_secret_is_denied_with_the_sentence_what_to_do() {
    let bench = Bench::new().await;
    let arm = bench.azure.arm(&bench.identity_by("no such secret"), SUBSCRIPTION);
    let refused = arm.probe().await.expect_err("the secret is wrong");
    assert_eq!((refused.class(), refused.detail(), refused.code()), (Class::Denied, Detail::SignIn, Some("7000215")));
    assert!(refused.message().starts_with("the client secret is wrong: put the secret's value"), "{refused}");
    assert_eq!(refused.step(), "sign in to Entra ID");
    assert_eq!(bench.requests_to("management.azure.com"), 0);
}

#[tokio::test]
async fn a_tenant_or_an_application_that_is_not_there_is_denied() {
    let bench = Bench::new().await;
    let secret = Token::new("x");
    let nowhere = "99999999-9999-4999-8999-999999999999";
    for (tenant, client, code) in [(nowhere, CLIENT, "90002"), (TENANT, nowhere, "700016")] {
        let identity = bench.azure.client_secret(tenant, client, &secret).expect("an identity");
        let refused = bench.azure.arm(&identity, SUBSCRIPTION).probe().await.expect_err("it is not there");
        assert_eq!((refused.class(), refused.code()), (Class::Denied, Some(code)));
    }
    let malformed = bench.azure.client_secret("a/b", CLIENT, &secret).expect_err("no tenant's id");
    assert_eq!((malformed.class(), malformed.detail()), (Class::Invalid, Detail::SignIn));
}

#[tokio::test]
async fn many_calls_at_once_sign_in_once() {
    let bench = Bench::new().await;
    let arm = bench.arm();
    let results = join_all((0..20).map(|_| arm.probe())).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(bench.requests_to(LOGIN), 1);
    let again = arm.probe().await;
    assert_eq!((again, bench.requests_to(LOGIN)), (Ok(()), 1));
}

#[tokio::test]
async fn many_calls_at_once_meet_a_failing_sign_in_once() {
    let bench = Bench::new().await;
    let matching = Match { host: Some(LOGIN.to_owned()), ..Match::default() };
    bench.simulator.faults().add(Rule { matching, occurrence: Occurrence::Every, fault: Fault::Status(503) }).expect("a rule");
    let arm = bench.arm();
    let results = join_all((0..20).map(|_| arm.probe())).await;
    let classes: Vec<_> = results.iter().map(|result| result.as_ref().err().map(moorage_cloud::Error::class)).collect();
    assert_eq!(classes, vec![Some(Class::Unavailable); 20]);
    assert_eq!(bench.requests_to(LOGIN), 1);
}

#[tokio::test]
async fn a_token_that_is_refused_before_its_time_is_replaced_once_by_however_many_calls_meet_with_it() {
    let bench = Bench::new().await;
    let arm = bench.arm();
    assert_eq!(arm.probe().await, Ok(()));
    bench.simulator.seed(moorage_simulator::Azure::expire_tokens);
    let results = join_all((0..20).map(|_| arm.probe())).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(bench.requests_to(LOGIN), 2);

    let matching = Match { host: Some("management.azure.com".to_owned()), ..Match::default() };
    bench.simulator.faults().add(Rule { matching, occurrence: Occurrence::Every, fault: Fault::Status(401) }).expect("a rule");
    for _ in 0..3 {
        let refused = arm.probe().await.expect_err("it is not the token");
        assert_eq!(refused.class(), Class::Denied);
    }
    assert_eq!(bench.requests_to(LOGIN), 2);
}

#[tokio::test]
async fn an_assertion_from_a_callback_signs_in() {
    let federated = FederatedCredential {
        issuer: Some("https://cluster.example".to_owned()),
        subject: "system:serviceaccount:contoso:cloud".to_owned(),
        audience: "api://AzureADTokenExchange".to_owned(),
    };
    let application = Application { federated: vec![federated], ..Application::default() };
    let bench = Bench::with(Options { applications: vec![application], ..Options::default() }, |_| ()).await;
    let probe = |subject: &'static str| {
        let assertion = move || async move { Ok(Token::new(assertion_of(subject))) }.boxed();
        let identity = bench.azure.client_assertion(TENANT, CLIENT, assertion).expect("an identity");
        let arm = bench.azure.arm(&identity, SUBSCRIPTION);
        async move { arm.probe().await }
    };
    assert_eq!(probe("system:serviceaccount:contoso:cloud").await, Ok(()));
    let foreign = probe("system:serviceaccount:fabrikam:cloud").await.expect_err("another service account");
    assert_eq!((foreign.class(), foreign.detail()), (Class::Denied, Detail::SignIn));
    assert!(foreign.message().starts_with("no federated credential of the application matches"), "{foreign}");
}

#[tokio::test]
async fn a_callback_that_fails_is_heard() {
    let bench = Bench::new().await;
    let failing = || async { Err(moorage_cloud::Error::new("fetch a token", Class::Denied, "no role binding")) }.boxed();
    let identity = bench.azure.client_assertion(TENANT, CLIENT, failing).expect("an identity");
    let refused = bench.azure.arm(&identity, SUBSCRIPTION).probe().await.expect_err("no assertion");
    assert_eq!(refused.to_string(), "failed to fetch a token: no role binding");
    assert_eq!(refused.class(), Class::Denied);
}

/// A token as a cluster issues it; nobody looks at its signature here.
fn assertion_of(subject: &str) -> String {
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims =
        json!({ "iss": "https://cluster.example", "sub": subject, "aud": ["api://AzureADTokenExchange"], "exp": 4_000_000_000_u64 });
    format!("{}.{}.c2ln", part(json!({ "alg": "RS256", "typ": "JWT" })), part(claims))
}

#[tokio::test]
async fn whoever_only_says_that_it_is_an_application_spends_nothing_of_its_budget() {
    let bench = Bench::new().await;
    let real = bench.identity();
    assert_eq!(bench.azure.arm(&real, SUBSCRIPTION).resource_group("none").await.map(|group| group.is_none()), Ok(true));
    let scope = format!("the account for {SUBSCRIPTION} as {CLIENT} of {TENANT}");
    let few = Limit { burst: 3, per_minute: 1 };
    bench.azure.set_limit(&scope, Arm::READS, few);
    bench.azure.set_limit(&format!("{scope}, not signed in yet"), Arm::READS, few);
    let impostor = bench.identity_by("wrong");
    let mut last = None;
    for _ in 0..10 {
        last = bench.azure.arm(&impostor, SUBSCRIPTION).resource_group("none").await.err();
    }
    assert_eq!(last.map(|error| error.detail()), Some(Detail::OutOfBudget), "the impostor has spent its own");
    assert_eq!(bench.azure.arm(&real, SUBSCRIPTION).resource_group("none").await.map(|group| group.is_none()), Ok(true));
}
