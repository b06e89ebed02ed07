//! Changes of applications and tokens that no request makes.

use crate::azure::options::FederatedCredential;
use crate::azure::state::Azure;

impl Azure {
    /// Replaces the client secrets of an application.
    pub fn set_client_secrets(&mut self, client_id: &str, secrets: &[&str]) {
        for secret in secrets {
            self.keyring.keep((*secret).to_owned());
        }
        for application in &mut self.directory.applications {
            if application.client_id.eq_ignore_ascii_case(client_id) {
                application.client_secrets = secrets.iter().map(|&text| text.to_owned()).collect();
            }
        }
    }

    /// Replaces the federated credentials of an application.
    pub fn set_federated(&mut self, client_id: &str, credentials: &[FederatedCredential]) {
        for application in &mut self.directory.applications {
            if application.client_id.eq_ignore_ascii_case(client_id) {
                application.federated = credentials.to_vec();
            }
        }
    }

    /// Gives an application roles in these subscriptions only; `None` in every one of its tenants.
    pub fn set_roles(&mut self, client_id: &str, subscriptions: Option<&[&str]>) {
        for application in &mut self.directory.applications {
            if application.client_id.eq_ignore_ascii_case(client_id) {
                application.subscriptions = subscriptions.map(|ids| ids.iter().map(|&id| id.to_owned()).collect());
            }
        }
    }

    /// Makes every bearer token that is out invalid.
    pub fn expire_tokens(&mut self) {
        self.directory.expire_all();
    }
}
