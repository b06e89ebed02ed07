//! Subscriptions.

use azure_core::http::Method;

use crate::azure::arm::Arm;
use crate::azure::pipeline::request::Operation;
use crate::azure::pipeline::version::ApiVersion;
use crate::error::Error;

const PROBE: Operation = Operation {
    name: "subscription.probe",
    step: "see the subscription",
    method: Method::Get,
    template: "/subscriptions/{}/resourcegroups",
    version: ApiVersion::only("2024-03-01"),
    quota: Arm::READS,
};

impl Arm {
    /// Finds out by the cheapest read whether the identity can sign in and see the subscription.
    ///
    /// # Errors
    /// When it cannot, or the resource manager cannot be reached.
    pub async fn probe(&self) -> Result<(), Error> {
        let call = PROBE.call(&[&self.subscription]).query("$top=1");
        self.client.send(call).await.map(drop)
    }
}
