//! The Device Provisioning Service: its management, its service API and its device API.

mod assignment;
mod attestation;
mod certificate;
mod device_api;
mod manage;
mod mqtt;
pub(crate) mod seed;
mod service;
mod service_api;
mod snapshot;
mod specs;
mod webhook;

use std::io;
use std::sync::Arc;

use jiff::Timestamp;

use crate::azure::clouds::Names;
use crate::azure::dps::manage::ServiceType;
use crate::azure::dps::service::{GLOBAL_HOST, HOST_SUFFIX, ServiceState};
use crate::azure::dps::service_api::refusal;
use crate::azure::dps::specs::is_device_path;
use crate::azure::resource::kind::ResourceType;
use crate::azure::service::Service;
use crate::azure::state::Azure;
use crate::engine::cloud::Boxed;
use crate::engine::http::{Request, Response};
use crate::engine::mqtt::login::LoginError;
use crate::engine::mqtt::{Admission, Login};
use crate::engine::server::Server;
use crate::engine::snapshot::{Origin, Snapshot};
use crate::spec::{Finding, Specs};

/// The service.
pub(crate) struct Provisioning;

impl Service for Provisioning {
    fn hosts(&self) -> &'static [Names] {
        &[HOST_SUFFIX]
    }

    fn audiences(&self) -> &'static [Names] {
        &[service_api::AUDIENCE]
    }

    fn specs(&self) -> Specs {
        specs::SPECS
    }

    fn resource_types(&self) -> &'static [&'static dyn ResourceType] {
        &[&ServiceType]
    }

    fn start(&self, azure: &mut Azure) {
        azure.parts.insert(ServiceState::default());
    }

    /// Under the global name devices are answered, under its own a service answers both its APIs.
    fn answer(&self, azure: &mut Azure, request: &Request, now: Timestamp) -> Response {
        let own_host = (request.host != GLOBAL_HOST.of(azure.options.cloud)).then_some(request.host.as_str());
        let for_devices = own_host.is_none() || is_device_path(&request.path);
        if for_devices { device_api::answer(azure, request, now, own_host) } else { service_api::answer(azure, request, now) }
    }

    fn error(&self, status: u16, text: &str, now: Timestamp) -> Response {
        refusal::refused(status, u32::from(status) * 1_000 + 1, text, now)
    }

    fn spec_error(&self, finding: &Finding, text: &str, now: Timestamp) -> Response {
        refusal::not_understood(finding, text, now)
    }

    fn only_reads(&self, request: &Request) -> bool {
        let folded = request.folded();
        let looked_up = matches!(folded.as_slice(), [_, kind, _] if kind == "registrations");
        looked_up || folded.last().is_some_and(|last| ["query", "attestationmechanism"].contains(&last.as_str()))
    }

    fn log_in(&self, login: &Login<Azure>) -> Option<Result<Admission, LoginError>> {
        mqtt::log_in(login)
    }

    fn background(&self, server: &Arc<Server<Azure>>) -> io::Result<Option<Boxed<'static, ()>>> {
        let webhooks = server.cloud().options.webhooks.clone();
        let client = webhook::client(&webhooks)?;
        Ok(Some(Box::pin(webhook::serve(client, webhooks.patience, Arc::clone(server)))))
    }

    fn snapshot(&self, azure: &Azure, page: &mut Snapshot<'_>) {
        for service in azure.provisioning().values() {
            snapshot::service(page, service);
        }
    }

    fn origin<'a>(&self, azure: &'a Azure) -> Option<Origin<'a>> {
        Some(Box::new(|device, key| snapshot::origin(azure, device, key)))
    }
}
