//! Requests for the metrics, against an API server of a few lines that answers reviews.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::*;

const TOKEN_REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
const ACCESS_REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

type Seen = Arc<Mutex<Vec<(String, Value)>>>;

/// An API server that answers reviews, once it is let.
struct Bench {
    authorizer: Arc<Authorizer>,
    seen: Seen,
    open: watch::Sender<bool>,
}

impl Bench {
    /// One that knows the user of every token that begins with "good", and lets those who are called "reader" read.
    fn new() -> Self {
        Self::answering(|path, asked| {
            let token = asked["spec"]["token"].as_str().unwrap_or_default();
            let status = match path {
                TOKEN_REVIEWS if token.starts_with("good") => {
                    let name = if token.contains("reader") { "reader" } else { "tenant" };
                    json!({ "authenticated": true, "user": { "username": name, "groups": ["system:authenticated"], "extra": { "a": ["b"] } } })
                }
                TOKEN_REVIEWS => json!({ "error": format!("unknown token {token}") }),
                _ => json!({ "allowed": asked["spec"]["user"] == "reader" }),
            };
            (StatusCode::CREATED, json!({ "spec": { "token": token }, "status": status }))
        })
    }

    fn answering(answer: impl Fn(&str, &Value) -> (StatusCode, Value) + Clone + Send + 'static) -> Self {
        let (seen, (open, opened)) = (Seen::default(), watch::channel(true));
        let told = seen.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (seen, mut opened, answer) = (told.clone(), opened.clone(), answer.clone());
            async move {
                let path = request.uri().path().to_owned();
                let body = request.into_body().collect().await.expect("a body in memory").to_bytes();
                let asked: Value = serde_json::from_slice(&body).expect("JSON");
                seen.lock().expect("not poisoned").push((path.clone(), asked.clone()));
                opened.wait_for(|open| *open).await.expect("the bench is there");
                let (status, reply) = answer(&path, &asked);
                let mut response = Response::new(Body::from(reply.to_string().into_bytes()));
                *response.status_mut() = status;
                Ok::<_, Infallible>(response)
            }
        });
        let api = ApiReader::new(Client::new(service, "default"), "moorage-system");
        Self { authorizer: Arc::new(Authorizer::new(api)), seen, open }
    }

    async fn access(&self, token: &str, now: Instant) -> Access {
        self.authorizer.access(&bearing(token), now).await
    }

    /// What was asked since the last time.
    fn asked(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.seen.lock().expect("not poisoned"))
    }
}

fn bearing(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::AUTHORIZATION, format!("Bearer {token}").parse().expect("a header"))])
}

#[tokio::test]
async fn whoever_sends_no_token_is_refused_without_a_question() {
    let bench = Bench::new();
    assert_eq!(bench.authorizer.access(&HeaderMap::new(), Instant::now()).await, Access::Unauthenticated);
    assert_eq!(bench.asked(), []);
}

#[tokio::test]
async fn the_token_is_reviewed_and_then_what_its_user_may_with_all_that_is_known_of_it() {
    let (bench, now) = (Bench::new(), Instant::now());
    assert_eq!(bench.access("bad", now).await, Access::Unauthenticated);
    assert_eq!(bench.asked().len(), 1, "nobody's access is not reviewed");
    assert_eq!(bench.access("good-tenant", now).await, Access::Forbidden);
    bench.asked();
    assert_eq!(bench.access("good-reader", now).await, Access::Allowed);
    let asked = bench.asked();
    let [(first, token), (second, access)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((first.as_str(), second.as_str()), (TOKEN_REVIEWS, ACCESS_REVIEWS));
    assert_eq!(*token, json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": { "token": "good-reader" } }));
    let spec = json!({
        "user": "reader", "uid": null, "groups": ["system:authenticated"], "extra": { "a": ["b"] },
        "nonResourceAttributes": { "path": "/metrics", "verb": "get" },
    });
    assert_eq!(access["spec"], spec);
}

#[tokio::test]
async fn what_was_said_is_not_asked_again_within_its_time() {
    let (bench, now) = (Bench::new(), Instant::now());
    for _ in 0..3 {
        assert_eq!(bench.access("good-reader", now).await, Access::Allowed);
        assert_eq!(bench.access("bad", now).await, Access::Unauthenticated);
    }
    assert_eq!(bench.asked().len(), 3);
    let later = now + Duration::from_mins(2);
    assert_eq!(bench.access("good-reader", later).await, Access::Allowed);
    assert_eq!(bench.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn four_strangers_are_asked_about_at_once_and_do_not_keep_out_whoever_was_allowed() {
    let (bench, now) = (Bench::new(), Instant::now());
    assert_eq!(bench.access("good-reader", now).await, Access::Allowed);
    bench.asked();
    bench.open.send_replace(false);
    let later = now + Duration::from_mins(2);
    let asking = |token: String| {
        let authorizer = bench.authorizer.clone();
        tokio::spawn(async move { authorizer.access(&bearing(&token), later).await })
    };
    let strangers: Vec<_> = (0..4).map(|number| asking(format!("bad-{number}"))).collect();
    let reader = asking("good-reader".to_owned());
    while bench.seen.lock().expect("not poisoned").len() < 5 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.access("bad-4", later).await, Access::Busy);
    assert_eq!(bench.asked().len(), 5);
    bench.open.send_replace(true);
    for stranger in strangers {
        assert_eq!(stranger.await.expect("it ends"), Access::Unauthenticated);
    }
    assert_eq!(reader.await.expect("it ends"), Access::Allowed);
    assert_eq!(bench.access("bad-4", later).await, Access::Unauthenticated, "there is room again");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_hangs_refuses_or_talks_nonsense_lets_nobody_in_and_is_asked_again() {
    let (bench, now) = (Bench::new(), Instant::now());
    bench.open.send_replace(false);
    assert_eq!(bench.access("good-reader", now).await, Access::Unknown);
    bench.open.send_replace(true);
    assert_eq!(bench.access("good-reader", now).await, Access::Allowed);

    for status in [StatusCode::FORBIDDEN, StatusCode::INTERNAL_SERVER_ERROR, StatusCode::CREATED] {
        let bench = Bench::answering(move |_, asked| (status, json!([asked["spec"]["token"]])));
        assert_eq!(bench.access("good-reader", now).await, Access::Unknown, "{status}");
    }
}

#[tokio::test]
async fn no_failure_tells_the_token() {
    for status in [StatusCode::FORBIDDEN, StatusCode::BAD_REQUEST, StatusCode::INTERNAL_SERVER_ERROR, StatusCode::CREATED] {
        let bench = Bench::answering(move |_, asked| (status, json!({ "message": asked["spec"]["token"], "status": [asked] })));
        let error = bench.authorizer.review("eyJhbGciOiJSUzI1NiJ9").await.expect_err("it failed");
        assert!(!format!("{} {error:?}", error.chain()).contains("eyJhbGciOiJSUzI1NiJ9"), "{error:?}");
    }
}

#[tokio::test]
async fn an_operator_without_the_right_to_reviews_says_what_to_bind() {
    let bench = Bench::answering(|_, _| (StatusCode::FORBIDDEN, json!({})));
    let error = bench.authorizer.review("good").await.expect_err("it failed");
    let command = "kubectl create clusterrolebinding moorage-metrics-auth --clusterrole=moorage-metrics-auth \
                   --serviceaccount=moorage-system:moorage";
    assert_eq!(error.chain(), format!("failed to have a token reviewed: the operator may not; let it: {command}"));
}
