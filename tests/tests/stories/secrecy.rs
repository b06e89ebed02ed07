//! No secret is ever seen but in the Secret that was asked for.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use moorage_operator::controller::{metrics::Detail, queue::Priority};
use moorage_tests::controlplane::block_on;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tracing_subscriber::{Layer, filter::LevelFilter, fmt::MakeWriter, layer::SubscriberExt};

use moorage_tests::tenants::{EAST, Tenants};

/// Collects every line that is logged in this process, until it is closed.
#[derive(Clone)]
struct Page(Arc<Mutex<Option<Vec<u8>>>>);

impl Page {
    fn open() -> Self {
        Self(Arc::new(Mutex::new(Some(Vec::new()))))
    }

    /// What was collected since the last time.
    fn read(&self) -> String {
        let mut page = self.0.lock().expect("not poisoned");
        let text = page.as_mut().map(std::mem::take).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Other tests of the process go on logging.
    fn close(&self) {
        *self.0.lock().expect("not poisoned") = None;
    }
}

impl std::io::Write for Page {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        if let Some(page) = self.0.lock().expect("not poisoned").as_mut() {
            page.extend_from_slice(text);
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Page {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// A secret as it is, in base64, and percent-encoded.
fn guises(secret: &str) -> [String; 3] {
    [secret.to_owned(), STANDARD.encode(secret), utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string()]
}

/// The secrets that a text shows, by their number.
fn shown(secrets: &BTreeSet<String>, text: &str) -> Vec<usize> {
    let hit = |secret: &String| guises(secret).iter().any(|guise| text.contains(guise.as_str()));
    secrets.iter().enumerate().filter(|(_, secret)| hit(secret)).map(|(number, _)| number).collect()
}

#[test]
fn no_secret_is_in_a_log_an_event_a_status_or_a_metric_and_a_planted_one_would_be_found() -> anyhow::Result<()> {
    let page = Page::open();
    // As in the operator's binary: everything at its finest, libraries that are known to be loud held back.
    let mut filter = tracing_subscriber::EnvFilter::new("trace");
    for target in moorage_cloud::LOUD_TARGETS {
        filter = filter.add_directive(format!("{target}=warn").parse()?);
    }
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(page.clone()).with_filter(LevelFilter::TRACE);
    let ours = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(filter).with(layer));
    ours.expect("no other log is shown in this process: run the test without RUST_LOG");

    block_on(async {
        let tenants = Tenants::ready("secrecy").await?;
        let device = tenants.device("contoso", "contoso-simdevice-east", EAST).await?;
        device.register(Some("IOTHUB_DEVICE_KEY"), |_| {}).await?;
        let platform = tenants.example.namespace("platform");
        // A wrong secret, so that failures are told as well.
        tenants
            .harness
            .kubectl(
                &["patch", "secret", "azure", "-n", &platform, "-p", r#"{"stringData":{"clientSecret":"a-wrong-but-secret-value"}}"#],
                "",
            )
            .await?;
        tenants.until("CloudAccount", "platform", "azure", "Stalled", "Denied").await?;

        let mut secrets: BTreeSet<String> = tenants.harness.cloud().secrets_ever_held().into_iter().collect();
        secrets.insert("a-wrong-but-secret-value".to_owned());
        for (namespace, name) in
            [("contoso", "contoso-simdevice-east"), ("contoso", "contoso-simdevice-west"), ("platform", "contoso-us-devices-keys")]
        {
            let entries = tenants.harness.secret(&tenants.example.namespace(namespace), name).await?;
            let public = ["idScope", "registrationId", "provisioningHost"];
            secrets.extend(entries.into_iter().filter(|(key, _)| !public.contains(&key.as_str())).map(|(_, value)| value));
        }
        secrets.retain(|secret| secret.len() >= 8);
        assert!(secrets.len() > 20, "the test knows {} secrets", secrets.len());

        let log = page.read();
        let mut told = tenants.operator.controller().metrics.text(Detail::Everything, Priority::ALL.map(|priority| (priority, 0)), true);
        for namespace in ["platform", "contoso", "fabrikam"] {
            let namespace = tenants.example.namespace(namespace);
            for what in ["moorage", "events", "configmaps"] {
                told += &tenants.harness.kubectl(&["get", what, "-n", &namespace, "-o", "json"], "").await?;
            }
            told += &tenants.harness.kubectl(&["get", "secrets", "-n", &namespace, "-o", "jsonpath={.items[*].metadata}"], "").await?;
        }
        told += &tenants.harness.kubectl(&["get", "configmaps", "-n", &tenants.harness.operator_namespace(), "-o", "json"], "").await?;
        assert!(told.contains("contoso-us-devices"), "something was read");
        // The client secret of the example was applied by kubectl, which keeps a copy of it in an annotation; that is kubectl's.
        secrets.remove(moorage_tests::harness::CLIENT_SECRET);
        assert_eq!(shown(&secrets, &log), Vec::<usize>::new());
        assert_eq!(shown(&secrets, &told), Vec::<usize>::new());

        let first = secrets.iter().next().expect("there are secrets");
        for guise in guises(first) {
            tracing::trace!(guise, "planted");
            assert_eq!(shown(&secrets, &page.read()), [0]);
        }
        page.close();
        tenants.operator.stop().await
    })
}
