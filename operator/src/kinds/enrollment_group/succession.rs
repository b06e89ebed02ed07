//! An authority that takes another's place, as when its Secret is issued anew with another key: devices of the one before are accepted until
//! it ends, or until somebody says that they have followed.

use jiff::Timestamp;
use moorage_cloud::{EnrollmentGroup as Document, Pair, Signers};
use moorage_crds::{EnrollmentGroup, annotations};
use moorage_keys::Authority;
use moorage_plan::{Plan, Reason};

use super::{
    keys::id_of,
    observe::LiveState,
    plan::{Action, AuthorityNote},
};
use crate::{
    controller::kind::Kind,
    ledger::entries::{AUTHORITY, FORMER_AUTHORITY},
};

/// Who signs, with the former authority in the place that the spec leaves free.
pub(super) fn beside_former(signers: Signers, former: Option<&Authority>) -> Signers {
    match signers {
        Signers::Certificates(Pair { primary, secondary: None }) => {
            let secondary = former.filter(|former| former.thumbprint() != primary.thumbprint()).cloned();
            Signers::Certificates(Pair { primary, secondary })
        }
        other => other,
    }
}

/// What is written down, or asked, before the group is made to accept others than it does; `None` if nothing is.
pub(super) fn plan(group: &EnrollmentGroup, seen: &LiveState, there: &Document, now: Timestamp) -> Option<Plan<Action>> {
    let Some(Signers::Certificates(Pair { primary, secondary })) = &seen.signers else { return None };
    let lives = |authority: &&Authority| authority.not_after() > now;
    let is_dropped =
        |authority: &&Authority| group.annotation(annotations::DROP_AUTHORITY).is_some_and(|named| authority.thumbprint().is(named));
    if let Some(former) = &seen.former {
        let has_place = secondary.as_ref().is_some_and(|secondary| secondary.thumbprint() == former.thumbprint());
        if !has_place || !lives(&former) || is_dropped(&former) && there.accepts(primary) {
            return Some(noted(vec![(FORMER_AUTHORITY, None)], "Devices of the former authority are accepted no longer"));
        }
    }
    let is = |authority: &&Authority| authority.thumbprint() == primary.thumbprint();
    // Whom the spec says in words to accept no longer is taken out: only one who comes anew takes another's place.
    let takes_place = !there.accepts(primary);
    let before = seen.issuing.as_ref().filter(|issuing| takes_place && !is(issuing) && lives(issuing) && there.accepts(issuing));
    let Some(before) = before else {
        let is_known = seen.issuing.as_ref().is_some_and(|issuing| is(&issuing));
        return (!is_known && !takes_place).then(|| {
            let text = "The authority of the group is in place";
            noted(vec![(AUTHORITY, Some(primary.pem()))], text)
        });
    };
    let goes = match secondary {
        None => None,
        Some(second) if second.thumbprint() == before.thumbprint() => return None,
        // The one before the last one, which has the place.
        Some(second) if seen.former.is_some() => Some(second),
        // The spec names both.
        Some(_) => Some(before),
    };
    if let Some(goes) = goes.filter(|goes| !is_dropped(goes)) {
        let note = format!(
            "the authority of enrollment group {} was issued anew, and there is no place beside it for {}, whose devices would be locked out: \
             when they have followed, annotate this object with {}={}",
            id_of(group),
            goes.subject(),
            annotations::DROP_AUTHORITY,
            goes.thumbprint()
        );
        return Some(Plan::wait(Reason::AwaitingConfirmation, note, Some(before.not_after())).usable(true));
    }
    let is_kept = goes.is_none_or(|goes| goes.thumbprint() != before.thumbprint());
    let former = is_kept.then(|| (FORMER_AUTHORITY, Some(before.pem())));
    let notes = former.into_iter().chain([(AUTHORITY, Some(primary.pem()))]).collect();
    Some(noted(notes, "Another authority takes the place of the one before it"))
}

fn noted(notes: Vec<AuthorityNote>, text: &'static str) -> Plan<Action> {
    Plan::act(vec![Action::RecordAuthorities { notes, text }], Reason::RecordClaim, text).usable(true)
}
