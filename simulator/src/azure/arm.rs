//! The resource manager: it signs callers in, counts calls, keeps the resource groups, and leaves resources to their services.

mod authorization;
mod resource_groups;
mod roles;
mod seed;
mod specs;
mod throttle;

use http::Method;
use jiff::Timestamp;

use crate::azure::arm::throttle::Throttles;
use crate::azure::clouds::Names;
use crate::azure::resource::group::must_exist;
use crate::azure::resource::kind::{ResourceType, listed};
use crate::azure::resource::{HOST, ResourceId, errors, operation};
use crate::azure::service::Service;
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};
use crate::engine::snapshot::{Snapshot, tags};
use crate::spec::{Finding, Kind, Specs};

/// The service.
pub(crate) struct ResourceManager;

impl Service for ResourceManager {
    fn hosts(&self) -> &'static [Names] {
        &[HOST]
    }

    fn audiences(&self) -> &'static [Names] {
        &authorization::AUDIENCES
    }

    fn is_meant_by(&self, path: &[String]) -> bool {
        path.first().is_some_and(|first| ["subscriptions", "providers"].iter().any(|own| first.eq_ignore_ascii_case(own)))
    }

    fn specs(&self) -> Specs {
        specs::SPECS
    }

    fn start(&self, azure: &mut Azure) {
        azure.parts.insert(Throttles::default());
    }

    fn answer(&self, azure: &mut Azure, request: &Request, now: Timestamp) -> Response {
        route(azure, request, now).unwrap_or_else(|refusal| refusal)
    }

    fn error(&self, status: u16, text: &str, _now: Timestamp) -> Response {
        let code = match status {
            400 => "BadRequest",
            429 => "TooManyRequests",
            503 => "ServiceUnavailable",
            _ => "InternalServerError",
        };
        errors::arm(status, code, text)
    }

    fn spec_error(&self, finding: &Finding, text: &str, _now: Timestamp) -> Response {
        let code = if finding.breaks(Kind::MissingApiVersion) {
            "MissingApiVersionParameter"
        } else if finding.breaks(Kind::UnknownApiVersion) {
            "InvalidApiVersionParameter"
        } else if finding.breaks(Kind::MissingBody) {
            "InvalidRequestContent"
        } else {
            "BadRequest"
        };
        errors::arm(400, code, text)
    }

    /// The ids by which support finds a request again.
    fn traced(&self, request: &Request, seq: u64, response: Response) -> Response {
        let id = format!("{seq:032x}");
        let correlation = request.header("x-ms-correlation-request-id").unwrap_or(&id).to_owned();
        response.with("x-ms-request-id", id).with("x-ms-correlation-request-id", correlation)
    }

    fn only_reads(&self, request: &Request) -> bool {
        let last = request.segments.last().map(|last| last.to_lowercase()).unwrap_or_default();
        last == "listkeys" || (last.starts_with("check") && last.ends_with("nameavailability"))
    }

    fn snapshot(&self, azure: &Azure, page: &mut Snapshot<'_>) {
        for group in azure.groups.values() {
            let standing = if group.deleting { " deleting" } else { "" };
            page.line(
                0,
                &format!("resource group {}/{} {}{}{standing}", group.subscription, group.name, group.location, tags(&group.tags)),
            );
        }
    }
}

fn route(azure: &mut Azure, request: &Request, now: Timestamp) -> Outcome {
    let folded = request.folded();
    let folded: Vec<&str> = folded.iter().map(String::as_str).collect();
    let ["subscriptions", subscription, rest @ ..] = folded.as_slice() else {
        return Err(errors::unknown_path(request));
    };
    if request.parameter("api-version").is_none_or(str::is_empty) {
        return Err(errors::no_api_version());
    }
    authorization::admit(azure, request, subscription)?;
    let (header, left) = throttle::count(azure, request, subscription, now)?;
    if azure.options.variants.older_cloud {
        speaks(azure, request, rest)?;
    }
    let response = match rest {
        ["operationresults", id] => operation::location(azure, request, id, now),
        ["resourcegroups", rest @ ..] => in_groups(azure, request, now, subscription, rest),
        ["providers", provider, rest @ ..] => in_subscription(azure, request, now, subscription, provider, rest),
        _ => Err(errors::unknown_path(request)),
    };
    response.map(|response| response.with(header, left))
}

/// A cloud that is behind refuses what is newer than it, and says what it speaks.
fn speaks(azure: &Azure, request: &Request, rest: &[&str]) -> Result<(), Response> {
    let (["resourcegroups", _, "providers", provider, name, ..] | ["providers", provider, name, ..]) = rest else { return Ok(()) };
    // A check of a name, or a quota, is of the provider.
    let newest = match azure.resource_type(provider, name) {
        Some(kind) => kind.older_version(),
        None => azure
            .resource_types()
            .filter(|kind| kind.kind().provider.eq_ignore_ascii_case(provider))
            .filter_map(ResourceType::older_version)
            .max(),
    };
    let version = request.parameter("api-version").unwrap_or_default();
    match newest {
        Some(newest) if version > newest => Err(errors::no_registered_provider(version, name, newest)),
        _ => Ok(()),
    }
}

fn in_subscription(azure: &Azure, request: &Request, now: Timestamp, subscription: &str, provider: &str, rest: &[&str]) -> Outcome {
    if let [name] = rest
        && request.method == Method::GET
        && let Some(kind) = azure.resource_type(provider, name)
    {
        return Ok(listed(azure, request, kind, subscription, None, now));
    }
    let of_provider = azure.resource_types().filter(|kind| kind.kind().provider.eq_ignore_ascii_case(provider));
    let mut answers = of_provider.filter_map(|kind| kind.answer_in_subscription(azure, request, subscription, rest));
    answers.next().unwrap_or_else(|| Err(errors::unknown_path(request)))
}

fn in_groups(azure: &mut Azure, request: &Request, now: Timestamp, subscription: &str, rest: &[&str]) -> Outcome {
    // Names keep the casing that the caller chose.
    let written = |place: usize| request.segments.get(place).map_or("", String::as_str);
    let unknown = || errors::unknown_path(request);
    match rest {
        [] if request.method == Method::GET => resource_groups::list(azure, request, subscription),
        [_] => resource_groups::one(azure, request, now, written(1), written(3)),
        [group, "resources"] if request.method == Method::GET => resource_groups::contents(azure, request, subscription, group),
        [group, "providers", provider, name] if request.method == Method::GET => {
            must_exist(azure, subscription, group)?;
            let kind = azure.resource_type(provider, name).ok_or_else(unknown)?;
            Ok(listed(azure, request, kind, subscription, Some(group), now))
        }
        [_, "providers", provider, kind, _, rest @ ..] => {
            let kind = azure.resource_type(provider, kind).ok_or_else(unknown)?;
            let id = ResourceId { subscription: written(1), group: written(3), name: written(7) };
            match rest {
                ["providers", "microsoft.authorization", "roleassignments", rest @ ..] if kind.takes_roles() => {
                    roles::on_resource(azure, request, now, kind, &id, rest, written(11))
                }
                _ => kind.answer(azure, request, now, &id, rest),
            }
        }
        _ => Err(unknown()),
    }
}
