//! The device over HTTPS. A twin is only told over MQTT.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::header::{AUTHORIZATION, RETRY_AFTER};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::network::Network;
use crate::secret::Secret;
use crate::{Assigned, Next, next};

const PROVISIONING: &str = "api-version=2021-06-01";
const HUB: &str = "api-version=2020-03-13";

/// Registers, and sends one message.
pub async fn run(network: &Network, secret: &Secret) -> anyhow::Result<()> {
    let http = network.http()?;
    let Assigned { hub, device_id } = register(&http, secret).await?;
    let url = format!("https://{hub}/devices/{device_id}/messages/events?{HUB}");
    let message = http.post(url).header("iothub-app-kind", "hello").json(&json!({ "temperature": 21.5 }));
    let (_, _) = ask(message, secret.for_hub(&hub, &device_id)?).await.context("the hub did not take the message")?;
    println!("SENT");
    Ok(())
}

async fn register(http: &Client, secret: &Secret) -> anyhow::Result<Assigned> {
    let base = format!("https://{}/{}", secret.provisioning_host, secret.registration());
    let signature = secret.for_registration()?;
    let register = http.put(format!("{base}/register?{PROVISIONING}")).json(&json!({ "registrationId": secret.registration_id }));
    let (mut answer, mut wait) = ask(register, signature.clone()).await.context("the provisioning service refused the device")?;
    println!("CONNECTED");
    loop {
        match next(&answer)? {
            Next::Done(assigned) => return Ok(assigned),
            Next::Poll(operation) => {
                tokio::time::sleep(wait).await;
                let poll = http.get(format!("{base}/operations/{operation}?{PROVISIONING}"));
                (answer, wait) = ask(poll, signature.clone()).await.context("the provisioning service lost the registration")?;
            }
        }
    }
}

/// Asks, and gives the answer with the time to wait before the next question.
async fn ask(request: RequestBuilder, signature: Option<String>) -> anyhow::Result<(Value, Duration)> {
    let request = match signature {
        Some(signature) => request.header(AUTHORIZATION, signature),
        None => request,
    };
    let answer = request.send().await?;
    let status = answer.status();
    let wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let body = answer.bytes().await?;
    ensure!(status.is_success(), "{status} {}", String::from_utf8_lossy(&body));
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).context("the answer is no JSON")? };
    Ok((body, Duration::from_secs(wait.unwrap_or(2))))
}
