//! IoT Hub: its management, its registry and what devices say to it.

pub(crate) mod connections;
pub(crate) mod hub;
pub(crate) mod manage;
mod mqtt;
pub(crate) mod registry;
pub(crate) mod seed;
mod snapshot;
mod specs;
pub(crate) mod telemetry;
pub(crate) mod twin;

use jiff::Timestamp;
use serde_json::json;

use crate::azure::clouds::Names;
use crate::azure::iot_hub::hub::{HOST_SUFFIX, HubState};
use crate::azure::iot_hub::manage::HubType;
use crate::azure::iot_hub::registry::{authorization, errors};
use crate::azure::resource::kind::ResourceType;
use crate::azure::service::Service;
use crate::azure::state::Azure;
use crate::engine::http::{Request, Response};
use crate::engine::mqtt::login::LoginError;
use crate::engine::mqtt::{Admission, Login};
use crate::engine::snapshot::Snapshot;
use crate::spec::Specs;

/// The service.
pub(crate) struct IotHub;

impl Service for IotHub {
    fn hosts(&self) -> &'static [Names] {
        &[HOST_SUFFIX]
    }

    fn audiences(&self) -> &'static [Names] {
        &[authorization::AUDIENCE]
    }

    fn specs(&self) -> Specs {
        specs::SPECS
    }

    fn resource_types(&self) -> &'static [&'static dyn ResourceType] {
        &[&HubType]
    }

    fn start(&self, azure: &mut Azure) {
        azure.parts.insert(HubState::default());
    }

    fn answer(&self, azure: &mut Azure, request: &Request, now: Timestamp) -> Response {
        registry::answer(azure, request, now)
    }

    fn error(&self, status: u16, text: &str, _now: Timestamp) -> Response {
        errors::failed(status, text)
    }

    fn only_reads(&self, request: &Request) -> bool {
        request.segments.last().is_some_and(|last| last.eq_ignore_ascii_case("query"))
    }

    fn log_in(&self, login: &Login<Azure>) -> Option<Result<Admission, LoginError>> {
        mqtt::log_in(login)
    }

    fn changed(&self, azure: &mut Azure, now: Timestamp) {
        azure.cut_stale_connections(now);
    }

    fn snapshot(&self, azure: &Azure, page: &mut Snapshot<'_>) {
        for hub in azure.hubs().values() {
            snapshot::hub(page, azure, hub);
        }
    }

    fn control(&self, azure: &Azure, path: &[&str]) -> Option<Response> {
        (path == ["telemetry"]).then(|| Response::json(200, json!(azure.telemetry())))
    }
}
