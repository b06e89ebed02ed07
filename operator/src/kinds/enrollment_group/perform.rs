//! Carrying out what was decided for a group.

use super::plan::Action;
use crate::{
    azure::{
        Context, Writer, dps,
        enrollment_group::{hub_group_of, keys, service, service_of},
        usage::What,
    },
    controller::kind::Performed,
    error::{Error, reached},
    ledger::entries::{APPLIED, AUTHORITY, DISABLED, FORMER_AUTHORITY, GROUP, GROUP_FACTS},
};
use moorage_cloud::IfMatch;
use moorage_crds::EnrollmentGroup;

/// Value of [`DISABLED`].
const BY_SPEC: &str = "spec";

/// However a change ends, there may be one group more or one less: what was counted before holds no more.
struct Recount<'a> {
    ctx: &'a Context,
    what: What,
}

impl Drop for Recount<'_> {
    fn drop(&mut self) {
        self.ctx.clients.counts.forget(&self.what);
    }
}

/// Performs an action. However it ends, the service tells how many groups it has, and a hub that leaves waits until no group names it.
pub(super) async fn perform(group: &EnrollmentGroup, writer: &Writer<'_>, action: &Action) -> Performed {
    let performed = Performed::from(carry_out(group, writer, action).await);
    match action {
        Action::Put { condition: IfMatch::Unset, .. } | Action::Delete { .. } => performed.waking(service_of(group)),
        Action::Put { .. } => performed.waking(service_of(group)).waking(hub_group_of(group)),
        Action::Record { .. }
        | Action::RecordAuthorities { .. }
        | Action::RecordDisabled { .. }
        | Action::RecordApplied { .. }
        | Action::StoreKeys { .. }
        | Action::ForgetKeys => performed,
    }
}

async fn carry_out(group: &EnrollmentGroup, writer: &Writer<'_>, action: &Action) -> Result<(), Error> {
    let enrollments = async || {
        let service = reached(service(writer, group).await)?;
        let enrollments = reached(dps::enrollments(writer, &service).await)?;
        Ok((enrollments, Recount { ctx: writer.context(), what: dps::groups_of(&service) }))
    };
    match action {
        Action::Record { to: Some(to) } => writer.record(&[(GROUP.to_owned(), Some((*to).to_owned()))]).await,
        Action::Record { to: None } => {
            writer.record(&[GROUP, APPLIED, DISABLED, AUTHORITY, FORMER_AUTHORITY, GROUP_FACTS].map(|entry| (entry.to_owned(), None))).await
        }
        Action::RecordAuthorities { notes, .. } => {
            let entries: Vec<_> = notes.iter().map(|(entry, pem)| ((*entry).to_owned(), pem.clone())).collect();
            writer.record(&entries).await
        }
        Action::RecordDisabled { by_spec } => writer.record(&[(DISABLED.to_owned(), by_spec.then(|| BY_SPEC.to_owned()))]).await,
        Action::RecordApplied { state } => writer.record(&[(APPLIED.to_owned(), Some(state.clone()))]).await,
        Action::StoreKeys { taken: Some(keys) } => keys::store(writer, group, keys, false).await,
        Action::StoreKeys { taken: None } => keys::store(writer, group, &keys::generate(), true).await,
        Action::ForgetKeys => keys::forget(writer, group).await,
        Action::Put { document, condition, id, .. } => {
            let (enrollments, _recount) = enrollments().await?;
            let put = enrollments.put_group(writer.access(), id, document, condition).await;
            put.map(drop).map_err(|error| Error::cloud(format!("failed to write enrollment group {id}"), error))
        }
        Action::Delete { id, condition } => {
            let (enrollments, _recount) = enrollments().await?;
            let deleted = enrollments.delete_group(writer.access(), id, condition).await;
            deleted.map_err(|error| Error::cloud(format!("failed to delete enrollment group {id}"), error))
        }
    }
}
