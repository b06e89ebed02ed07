//! Versions that clients use and for which no file of the vendor is kept here, told as a difference from one that is.

use super::change::Change;

/// One such version, with where the difference was read.
pub struct Model {
    pub(super) document: &'static str,
    pub(super) version: &'static str,
    pub(super) changes: &'static [Change],
    pub(super) source: &'static str,
}

impl Model {
    /// The file under `specs/` that the version is told from.
    pub fn document(&self) -> &'static str {
        self.document
    }

    /// The api-version.
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// Where the difference was read.
    pub fn source(&self) -> &'static str {
        self.source
    }
}

const DEVICE: &str = "azure/dps/dataplane-device.json";

/// Certificates are issued to devices since 2026-11-01 only; the operation bears its older name before.
const DEVICE_WITHOUT_ISSUED_CERTIFICATES: &[Change] = &[
    Change::Remove("/definitions/DeviceRegistration/properties/csr"),
    Change::Remove("/definitions/DeviceRegistrationResult/properties/issuedCertificateChain"),
    Change::Put("/paths/~1{idScope}~1registrations~1{registrationId}~1register/put/operationId", r#""RuntimeRegistration_RegisterDevice""#),
];

/// Every version without a file of its own.
pub const MODELS: [Model; 3] = [
    Model {
        document: DEVICE,
        version: "2021-06-01",
        changes: DEVICE_WITHOUT_ISSUED_CERTIFICATES,
        source: "device.json of 2021-06-01 and 2026-11-01 in Azure/azure-rest-api-specs differ in these properties",
    },
    Model {
        document: DEVICE,
        version: "2019-03-31",
        changes: DEVICE_WITHOUT_ISSUED_CERTIFICATES,
        source: "models of the DPS device client in Azure/azure-iot-sdk-csharp, which speaks 2019-03-31",
    },
    Model {
        document: "models/iothub-device.json",
        version: "2021-04-12",
        changes: &[],
        source: "https://learn.microsoft.com/rest/api/iothub/device, which lists the same operations for 2021-04-12",
    },
];
