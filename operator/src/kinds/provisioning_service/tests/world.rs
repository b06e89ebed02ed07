//! Whatever is there at the beginning and whatever gets lost on the way, it ends as the spec says.

use moorage_crds::DeletionPolicy;
use moorage_plan::Reason;
use proptest::prelude::*;

use super::*;
use crate::{
    controller::linter::{EMPTY, Fate, World, annotate, confirm, fates, reason, settle, settle_deletion},
    object::KindName,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Maker {
    Us,
    Another,
    Stranger,
}

#[derive(Clone, Debug, PartialEq)]
struct Group {
    ours: bool,
    moving: u8,
    going: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Service {
    maker: Maker,
    tagged: bool,
    links: usize,
    /// Whether it has a managed identity.
    identity: bool,
    moving: u8,
    going: bool,
}

#[derive(Clone, Debug)]
struct Model {
    object: ProvisioningService,
    goal: Goal,
    group: Option<Group>,
    service: Option<Service>,
    others: bool,
    record: Option<&'static str>,
    disenrolled: Vec<(ObjectKey, String)>,
    granted: Adoption,
    /// Looks that a long operation takes.
    slow: u8,
    made: usize,
}

impl Service {
    fn tag(&self) -> Option<&'static str> {
        match self.maker {
            Maker::Us => self.tagged.then_some(MARK),
            Maker::Another => Some("house/ProvisioningService/platform/other"),
            Maker::Stranger => None,
        }
    }

    fn document(&self) -> Document {
        document(|whole| {
            whole["tags"] = self.tag().map_or(json!({}), |tag| json!({ OWNER_TAG: tag }));
            let link = |n: usize| json!({ "name": format!("hub-{n}.azure-devices.net"), "connectionString": "c" });
            whole["properties"]["iotHubs"] = (0..self.links).map(link).collect();
            if self.identity {
                whole["identity"] = json!({ "type": "SystemAssigned", "principalId": "p" });
            }
            if self.moving > 0 {
                let state = if self.going { "Deleting" } else { "Activating" };
                (whole["properties"]["provisioningState"], whole["properties"]["state"]) = (json!(state), json!(state));
            }
        })
    }
}

impl Model {
    fn is_empty(&self) -> bool {
        self.service.is_none() && !self.others
    }

    fn look(&self) -> LiveState {
        let ours = self.group.as_ref().is_some_and(|group| group.ours);
        let state = match &self.group {
            None => State::Missing,
            Some(group) if group.moving > 0 => State::Moving,
            Some(_) => State::Settled,
        };
        let empty = self.goal == Goal::Absent && ours && self.is_empty();
        let service = self.service.as_ref().map(Service::document);
        let disenrolled = if self.goal == Goal::Absent { self.disenrolled.clone() } else { Vec::new() };
        LiveState { group: ObservedGroup { state, ours, empty }, granted: self.granted, disenrolled, ..look(service, self.record) }
    }

    /// What the object's owner and those of the hubs do when they are asked.
    fn answer(&mut self, asked: Reason) {
        match (asked, &mut self.service) {
            (Reason::AwaitingConfirmation, _) => confirm(&mut self.object.metadata),
            (Reason::InUse, Some(service)) => service.links = 0,
            _ => {}
        }
    }
}

impl World for Model {
    type Action = Action;

    fn is_kept(&self) -> bool {
        self.goal == Goal::Absent && self.object.spec.deletion_policy == DeletionPolicy::Retain
    }

    fn plan(&self) -> Plan<Action> {
        if self.is_kept()
            && let Ok(Admitted::Kept { users }) = self.object.admit(&EMPTY, self.goal)
        {
            return self.object.plan(&Observed::Kept { users }, self.goal, now());
        }
        plan(&self.object, self.look(), self.goal)
    }

    fn apply(&mut self, action: &Action) {
        match action {
            Action::Record { to } => self.record = *to,
            Action::ForgetDisenrolled { owner, entry } => self.disenrolled.retain(|(of, one)| (of, one) != (owner, entry)),
            Action::Group(Change::Create { name, location, .. }) => {
                assert_eq!((name.as_str(), location.as_str()), ("iot-shared", "eastus"));
                assert!(self.group.as_ref().is_none_or(|group| group.ours), "a write takes the tags of another's group");
                self.group.get_or_insert(Group { ours: true, moving: self.slow, going: false });
            }
            Action::Group(Change::Delete { .. }) => {
                let Some(group) = &self.group else { return };
                assert!(group.ours && self.is_empty(), "what is in the group would go with it: {self:?}");
                self.group = Some(Group { moving: self.slow + 1, going: true, ours: true });
            }
            Action::Create { id, .. } => {
                assert!(self.group.is_some() && self.record == Some(CLAIMED), "{self:?}");
                assert_eq!(*id, id_of(&self.object));
                assert!(self.service.as_ref().is_none_or(|service| service.maker == Maker::Us), "over another's: {self:?}");
                if self.service.is_none() {
                    self.made += 1;
                    let identity = self.object.spec.identity.is_some();
                    self.service = Some(Service { maker: Maker::Us, tagged: true, links: 0, identity, moving: self.slow, going: false });
                }
            }
            Action::SetTags => panic!("no tags were asked for"),
            Action::EnableIdentity => {
                assert!(self.object.spec.identity.is_some() && matches!(self.record, Some(MADE | ADOPTED)), "{self:?}");
                let Some(service) = &mut self.service else { return };
                (service.identity, service.moving) = (true, self.slow);
            }
            Action::Delete { .. } => {
                let Some(service) = &mut self.service else { return };
                assert!(service.maker == Maker::Us && service.links == 0 && self.object.deletion_is_confirmed());
                (service.moving, service.going) = (self.slow + 1, true);
            }
        }
    }

    fn go_on(&mut self) -> bool {
        let mut moved = false;
        if let Some(service) = self.service.as_mut().filter(|service| service.moving > 0) {
            (service.moving, moved) = (service.moving - 1, true);
        }
        if let Some(group) = self.group.as_mut().filter(|group| group.moving > 0) {
            (group.moving, moved) = (group.moving - 1, true);
        }
        self.service.take_if(|service| service.going && service.moving == 0);
        self.group.take_if(|group| group.going && group.moving == 0);
        moved
    }
}

/// What is there, and what the ledger can say of it.
fn beginnings() -> impl Strategy<Value = (Option<Service>, Option<&'static str>)> {
    let service = |maker, tagged| {
        (0..3_usize, any::<bool>(), 0..3_u8, any::<bool>()).prop_map(move |(links, identity, moving, going)| {
            Some(Service { maker, tagged, links, identity, moving, going: going && moving > 0 })
        })
    };
    let record = |records: &'static [Option<&'static str>]| prop::sample::select(records);
    prop_oneof![
        (Just(None), record(&[None, Some(CLAIMED), Some(MADE), Some(ADOPTED)])),
        (service(Maker::Us, true), record(&[None, Some(CLAIMED), Some(MADE)])),
        (service(Maker::Us, false), record(&[Some(MADE)])),
        (service(Maker::Stranger, false), record(&[None, Some(CLAIMED), Some(ADOPTED)])),
        (service(Maker::Another, true), record(&[None, Some(CLAIMED), Some(MADE)])),
    ]
}

prop_compose! {
    fn models(goal: Goal)(
        (service, record) in beginnings(),
        ours in any::<bool>(),
        there in any::<bool>(),
        others in any::<bool>(),
        (adoption, granted) in (prop::sample::select(&["Never", "IfUnmanaged"][..]), prop::sample::select(&[Adoption::Never, Adoption::IfUnmanaged][..])),
        (recreate, identity) in (any::<bool>(), any::<bool>()),
        slow in 0..3_u8,
        (devices, keeps) in (0..3_usize, any::<bool>()),
    ) -> Model {
        let there = there || service.is_some() || others;
        let group = there.then_some(Group { ours, moving: 0, going: false });
        let mut object = object(&json!({ "adoption": adoption }));
        object.spec.identity = identity.then_some(moorage_crds::ServiceIdentity::SystemAssigned);
        if keeps {
            object.spec.deletion_policy = DeletionPolicy::Retain;
        }
        if recreate {
            annotate(&mut object.metadata, annotations::RECREATE, "contoso-dps");
        }
        let disenrolled = (0..devices).map(|n| (ObjectKey::new(KindName::DeviceCredential, "contoso", "press"), format!("disenrolled.{n}"))).collect();
        Model { object, goal, group, service, others, record, disenrolled, granted, slow, made: 0 }
    }
}

fn ends_present(before: &Model, fates: Vec<Fate>) -> Result<(), TestCaseError> {
    let mut model = before.clone();
    let last = settle(&mut model, fates);
    let still_there = before.service.as_ref().filter(|service| !service.going);
    prop_assert!(model.made <= 1);
    // It may have been adopted on its way out.
    let is_known = matches!(before.record, Some(MADE | ADOPTED)) || model.record == Some(ADOPTED);
    if let Some(theirs) = still_there.filter(|service| service.maker != Maker::Us) {
        let adopted = before.record == Some(ADOPTED);
        let may = theirs.maker == Maker::Stranger
            && (model.object.spec.adoption, model.granted) == (Adoption::IfUnmanaged, Adoption::IfUnmanaged);
        let identity = theirs.identity || (adopted || may) && model.object.spec.identity.is_some();
        prop_assert_eq!(&model.service, &Some(Service { moving: 0, identity, ..theirs.clone() }));
        prop_assert_eq!(model.record, if adopted || may { Some(ADOPTED) } else { before.record });
        prop_assert_eq!(reason(&last), (!(adopted || may)).then_some(Reason::AlreadyExists));
    } else if still_there.is_none() && is_known && model.object.annotation(annotations::RECREATE).is_none() {
        prop_assert_eq!(reason(&last), Some(Reason::Vanished));
        prop_assert!(model.service.is_none() && model.made == 0);
    } else {
        prop_assert_eq!(described(&last), ["met | usable"]);
        prop_assert_eq!(model.record, Some(MADE));
        prop_assert!(model.object.spec.identity.is_none() || model.service.as_ref().is_some_and(|service| service.identity));
        prop_assert_eq!(model.service.map(|service| service.maker), Some(Maker::Us));
    }
    Ok(())
}

fn ends_absent(before: Model, fates: Vec<Fate>) -> Result<(), TestCaseError> {
    let mut model = before.clone();
    settle_deletion(&mut model, fates, Model::answer);
    if model.is_kept() {
        prop_assert_eq!((model.record, model.made), (before.record, 0));
        return Ok(());
    }
    prop_assert_eq!((model.record, model.made), (None, 0));
    prop_assert!(model.service.is_some() || model.disenrolled.is_empty());
    let kept = before.service.filter(|service| service.maker != Maker::Us && !service.going);
    prop_assert_eq!(&model.service, &kept.map(|service| Service { moving: 0, ..service }));
    let emptied = before.group.as_ref().is_some_and(|group| group.ours) && model.is_empty();
    prop_assert_eq!(model.group, before.group.filter(|_| !emptied));
    Ok(())
}

proptest! {
    #[test]
    fn a_service_comes_to_be_as_its_spec_says_whatever_is_lost_on_the_way(model in models(Goal::Present), fates in fates()) {
        ends_present(&model, fates)?;
    }

    #[test]
    fn a_service_goes_with_everything_of_ours_and_nothing_of_others(model in models(Goal::Absent), fates in fates()) {
        ends_absent(model, fates)?;
    }
}
