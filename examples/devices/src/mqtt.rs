//! The device over MQTT.

mod connection;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::network::Network;
use crate::secret::Secret;
use crate::{Assigned, Next, next};
use connection::{Connection, Login};

/// Registers, sends one message, and reads the twin.
pub async fn run(network: &Network, secret: &Secret) -> anyhow::Result<()> {
    let Assigned { hub, device_id } = register(network, secret).await?;
    let login = Login {
        client_id: &device_id,
        user_name: format!("{hub}/{device_id}/?api-version=2021-04-12"),
        password: secret.for_hub(&hub, &device_id)?,
    };
    let mut connection = Connection::open(network.mqtt(&hub).await?, login).await.context("the hub refused the device")?;
    let topic = format!("devices/{device_id}/messages/events/kind=hello");
    connection.publish(&topic, &json!({ "temperature": 21.5 }).to_string()).await.context("the hub did not take the message")?;
    println!("SENT");
    connection.subscribe("$iothub/twin/res/#").await?;
    let answer = connection.ask("$iothub/twin/GET/?$rid=1", "").await.context("the hub did not tell the twin")?;
    ensure!(answer.status("$iothub/twin/res/") == Some(200), "the hub did not tell the twin: {}", answer.topic);
    println!("TWIN {}", answer.json()?);
    connection.close().await
}

async fn register(network: &Network, secret: &Secret) -> anyhow::Result<Assigned> {
    let login = Login {
        client_id: &secret.registration_id,
        user_name: format!("{}/api-version=2019-03-31", secret.registration()),
        password: secret.for_registration()?,
    };
    let stream = network.mqtt(&secret.provisioning_host).await?;
    let mut connection = Connection::open(stream, login).await.context("the provisioning service refused the device")?;
    connection.subscribe("$dps/registrations/res/#").await?;
    println!("CONNECTED");
    let (mut topic, mut body) =
        ("$dps/registrations/PUT/iotdps-register/?$rid=1".to_owned(), json!({ "registrationId": secret.registration_id }).to_string());
    loop {
        let answer = connection.ask(&topic, &body).await?;
        let told: Value = answer.json()?;
        let status = answer.status("$dps/registrations/res/");
        ensure!(status.is_some_and(|status| status < 300), "the provisioning service refused the device: {told}");
        match next(&told)? {
            Next::Done(assigned) => {
                connection.close().await?;
                return Ok(assigned);
            }
            Next::Poll(operation) => {
                tokio::time::sleep(Duration::from_secs(answer.parameter("retry-after").and_then(|text| text.parse().ok()).unwrap_or(2)))
                    .await;
                topic = format!("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId={operation}");
                body = String::new();
            }
        }
    }
}
