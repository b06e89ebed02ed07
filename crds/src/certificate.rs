use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// The certificate of a device whose group knows it by one: how long it holds, and who issues it.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.renewAtPercent) && has(self.renewBefore))").message("give one of the two: renewAtPercent or renewBefore"))]
pub struct DeviceCertificate {
    /// Lifetime, for example `90d`; at least `1h`. It ends with its authority at the latest.
    #[serde(default = "three_months")]
    #[schemars(schema_with = "crate::schema::duration")]
    pub duration: String,
    /// Share of the lifetime after which it is renewed, in percent; 66 if neither this nor `renewBefore` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 90))]
    pub renew_at_percent: Option<i32>,
    /// How long before its end it is renewed, for example `30d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::duration")]
    pub renew_before: Option<String>,
}

impl Default for DeviceCertificate {
    fn default() -> Self {
        Self { duration: three_months(), renew_at_percent: None, renew_before: None }
    }
}

fn three_months() -> String {
    "90d".to_owned()
}
