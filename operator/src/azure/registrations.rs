//! Where devices are, as the records of their registrations tell: read for many devices at once, page by page.
//!
//! A provisioning service tells nobody that a device has registered, and takes a limited number of calls for all its tenants. So
//! there is one reading of each list for all who ask, and the next one the later the longer the list is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use moorage_cloud::{Continuation, DpsService, IndividualEnrollment, Page, Registration};
use moorage_keys::{DeviceId, RegistrationId};

use crate::{
    azure::{
        self, Context,
        clients::place_of,
        dps::{Service, enrollments, refused},
    },
    error::{Error, ObserveError},
};

/// The shortest time between two readings.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
/// How much longer it is for each page: ten calls a minute.
const FOR_A_PAGE: SignedDuration = SignedDuration::from_secs(6);
/// How old a reading may be when somebody has asked for a look.
const ASKED: SignedDuration = SignedDuration::from_secs(5);
/// Pages that are read in one go; the rest waits for its turn.
const AT_A_TIME: usize = 20;
/// Records that are looked up one by one with each reading, of those that a list leaves out; the rest is looked up with the next ones.
const LOOKED_UP: usize = 20;
/// When the rest is read.
const TURN: SignedDuration = SignedDuration::from_secs(1);

/// A list of registrations.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum List {
    /// Those of an enrollment group.
    Group(String),
    /// Those of the individual enrollments.
    Individuals,
}

/// Where one device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignedDevice {
    /// Host of its hub, as the service says it.
    pub hub: Arc<str>,
    /// Its name there.
    pub device: Option<DeviceId>,
    /// When it registered last.
    pub registered: Option<Timestamp>,
}

/// One reading of a list, as far as devices of ours are in it.
#[derive(Debug)]
pub struct RegistrationList {
    read: Timestamp,
    /// When it is read again.
    pub next: Timestamp,
    placed: HashMap<RegistrationId, AssignedDevice>,
    /// The device up to which those were looked up that the list leaves out.
    looked_up_to: Option<RegistrationId>,
}

/// The last reading of each list.
#[derive(Default)]
pub struct RegistrationLists(Mutex<HashMap<(String, List), Arc<CachedList>>>);

#[derive(Default)]
struct CachedList {
    last: Mutex<Option<Arc<RegistrationList>>>,
    reading: tokio::sync::Mutex<Option<Reading>>,
}

/// A list that is read in part.
#[derive(Default)]
struct Reading {
    pages: i64,
    after: Option<Continuation>,
    placed: HashMap<RegistrationId, AssignedDevice>,
    /// Devices of ours whose enrollment is in the list, and says nothing of a record.
    untold: Vec<RegistrationId>,
}

impl RegistrationList {
    /// Where a device is; `None` if it is in no hub.
    pub fn of(&self, id: &RegistrationId) -> Option<&AssignedDevice> {
        self.placed.get(id)
    }

    fn serves(&self, now: Timestamp, asked: bool) -> bool {
        self.read <= now && now < self.next && (!asked || now.duration_since(self.read) < ASKED)
    }
}

impl RegistrationLists {
    fn desk(&self, place: String, list: List) -> Arc<CachedList> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((place, list)).or_default().clone()
    }
}

impl CachedList {
    fn last(&self) -> Option<Arc<RegistrationList>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, roll: &Arc<RegistrationList>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(roll.clone());
    }
}

/// A list as it was read last, and anew if that is long ago, or if somebody has asked for it. While it cannot be read, the last
/// reading holds.
///
/// # Errors
/// Halts if it was never read to its end, and cannot be now.
pub async fn registration_list(ctx: &Context, service: &Service, list: List, asked: bool) -> Result<Arc<RegistrationList>, ObserveError> {
    let desk = ctx.clients.registration_lists.desk(place_of(&service.arm, &service.id), list.clone());
    let now = ctx.clock.now();
    if let Some(roll) = desk.last().filter(|roll| roll.serves(now, asked)) {
        return Ok(roll);
    }
    let unread = || Error::backpressure(format!("the registrations in provisioning service {} are being read", service.id.name), TURN);
    let Ok(mut reading) = desk.reading.try_lock() else { return desk.last().ok_or_else(|| unread().into()) };
    match read_on(ctx, service, &list, &mut reading, desk.last().as_deref()).await {
        Ok(Some(roll)) => {
            let roll = Arc::new(roll);
            desk.keep(&roll);
            Ok(roll)
        }
        Ok(None) => desk.last().ok_or_else(|| unread().into()),
        Err(halt) => desk.last().ok_or(halt),
    }
}

/// Reads some pages; the roll once it was read to its end.
async fn read_on(
    ctx: &Context,
    service: &Service,
    list: &List,
    reading: &mut Option<Reading>,
    before: Option<&RegistrationList>,
) -> Result<Option<RegistrationList>, ObserveError> {
    let enrollments = enrollments(ctx, service).await?;
    let failed = |error| Error::cloud(format!("failed to read the registrations in provisioning service {}", service.id.name), error);
    let mut so_far = reading.take().unwrap_or_default();
    for _ in 0..AT_A_TIME {
        let page = match list {
            List::Group(group) => enrollments.registrations_of(group, so_far.after.as_ref()).await,
            List::Individuals => individuals(ctx, &enrollments, &mut so_far).await,
        };
        // What was read before is read again then: the place in the list may be what is refused.
        let page = match page.map_err(failed) {
            Ok(page) => page,
            Err(error) => return Err(refused(ctx, service, error).await.into()),
        };
        so_far.pages += 1;
        so_far.placed.extend(page.items.iter().filter_map(|record| placed(ctx, record)));
        so_far.after = page.next;
        if so_far.after.is_none() {
            let looked_up_to = look_up(ctx, &enrollments, &mut so_far, before).await.map_err(failed)?;
            let read = ctx.clock.now();
            let next = read.saturating_add(interval(so_far.pages)).unwrap_or(Timestamp::MAX);
            return Ok(Some(RegistrationList { read, next, placed: so_far.placed, looked_up_to }));
        }
    }
    *reading = Some(so_far);
    Ok(None)
}

async fn individuals(ctx: &Context, enrollments: &DpsService, so_far: &mut Reading) -> Result<Page<Registration>, moorage_cloud::Error> {
    let Page { items, next } = enrollments.enrollments(so_far.after.as_ref()).await?;
    let untold = items.iter().filter(|there| there.registration().is_none()).filter_map(IndividualEnrollment::id);
    so_far.untold.extend(untold.filter(|id| is_asked_for(ctx, id)));
    Ok(Page { items: items.iter().filter_map(IndividualEnrollment::registration).collect(), next })
}

/// Looks up the records of some devices that a list says nothing of: they have not registered, or the service leaves records out of its list.
/// Those whose turn it is not are where they were. Gives the last one that was looked up.
async fn look_up(
    ctx: &Context,
    enrollments: &DpsService,
    so_far: &mut Reading,
    before: Option<&RegistrationList>,
) -> Result<Option<RegistrationId>, moorage_cloud::Error> {
    let untold = std::mem::take(&mut so_far.untold);
    let now = turns(untold.clone(), before.and_then(|before| before.looked_up_to.as_ref()));
    for id in untold.into_iter().filter(|id| !now.contains(id)) {
        so_far.placed.extend(before.and_then(|before| before.of(&id)).map(|placed| (id, placed.clone())));
    }
    for id in &now {
        so_far.pages += 1;
        let record = enrollments.registration(id.as_str()).await?;
        so_far.placed.extend(record.and_then(|record| placed(ctx, &record)));
    }
    Ok(now.into_iter().last())
}

/// Whose turn it is, beginning after the one who was the last.
fn turns(mut all: Vec<RegistrationId>, after: Option<&RegistrationId>) -> Vec<RegistrationId> {
    all.sort();
    let begin = after.map_or(0, |after| all.partition_point(|id| id <= after));
    all.rotate_left(begin);
    all.truncate(LOOKED_UP);
    all
}

fn is_asked_for(ctx: &Context, id: &RegistrationId) -> bool {
    ctx.objects.count_referrers(&azure::registration_id(id.as_str())) > 0
}

/// Nobody here asks for a device that no object is about.
fn placed(ctx: &Context, record: &Registration) -> Option<(RegistrationId, AssignedDevice)> {
    let id = record.id()?;
    let asked = is_asked_for(ctx, &id);
    let hub = record.assigned_hub().filter(|_| asked)?;
    Some((id, AssignedDevice { hub: hub.into(), device: record.device_id(), registered: record.updated() }))
}

fn interval(pages: i64) -> SignedDuration {
    FOR_A_PAGE.saturating_mul(i32::try_from(pages).unwrap_or(i32::MAX)).max(SHORTEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_again_the_later_the_longer_it_is_and_never_more_than_ten_pages_a_minute() {
        let minutes = [1, 10, 11, 100, 1_000].map(|pages| interval(pages).as_secs());
        assert_eq!(minutes, [60, 60, 66, 600, 6_000]);
    }

    #[test]
    fn everybody_whom_a_list_leaves_out_is_looked_up_in_turn() {
        let all: Vec<_> = (0..50).map(|n| RegistrationId::parse(&format!("press-{n:02}")).expect("an id")).collect();
        let (mut after, mut seen) = (None, Vec::new());
        for _ in 0..5 {
            let now = turns(all.iter().rev().cloned().collect(), after.as_ref());
            assert_eq!(now.len(), LOOKED_UP);
            after = now.last().cloned();
            seen.extend(now);
        }
        assert_eq!(seen, [all.clone(), all].concat(), "each twice in a hundred");
        assert_eq!(turns(Vec::new(), after.as_ref()), []);
    }

    #[test]
    fn a_reading_serves_until_the_next_is_due_and_only_for_moments_when_somebody_asks() {
        let at = |seconds| Timestamp::from_second(seconds).expect("in range");
        let roll = RegistrationList { read: at(10), next: at(70), placed: HashMap::new(), looked_up_to: None };
        assert_eq!([9, 10, 69, 70].map(|second| roll.serves(at(second), false)), [false, true, true, false]);
        assert_eq!([10, 14, 15].map(|second| roll.serves(at(second), true)), [true, true, false]);
    }
}
