//! Whatever Secrets there are at the beginning and whatever gets lost on the way, there is one credential at the end.

use super::*;
use crate::kinds::device_credential::outputs::entries;
use proptest::prelude::*;

use crate::{
    controller::linter::{World, fates, settle},
    kinds::device_credential::{
        outputs::secret_content::Source, plan::plan_keys, secret::annotations::key_annotations_of, subject::secret_of,
    },
};

#[derive(Clone, Debug)]
struct Model {
    credential: DeviceCredential,
    source: Source,
    renewal: Option<Renewal>,
    secrets: Secrets,
    now: Timestamp,
    written: usize,
}

impl World for Model {
    type Action = Action;

    fn plan(&self) -> Plan<Action> {
        plan_keys(&self.credential, &look(&self.credential, &self.source, self.renewal, &self.secrets), self.now)
    }

    fn apply(&mut self, action: &Action) {
        let at = match action {
            Action::Write { at, .. } | Action::Delete(at) => at.clone(),
            Action::Enrollment(_)
            | Action::Reprovision(_)
            | Action::Keys(_)
            | Action::Leave(_)
            | Action::Certificate(_)
            | Action::Order(_) => {
                panic!("{action:?}")
            }
        };
        let ours = |kept: &Kept| owner_of(&kept.meta).as_ref() == Some(&self.credential.key());
        assert!(self.secrets.get(&at).is_none_or(ours), "Secret {at} is somebody else's");
        assert!(matches!(action, Action::Write { .. }) || at != secret_of(&self.credential), "the credential itself");
        let before = self.secrets.get(&at).map(|kept| kept.meta.clone());
        apply(&self.credential, action, &mut self.secrets);
        self.written += usize::from(self.secrets.get(&at).map(|kept| kept.meta.clone()) != before);
    }

    fn go_on(&mut self) -> bool {
        false
    }
}

/// What somebody may have done to a Secret.
#[derive(Clone, Copy, Debug)]
enum Harm {
    None,
    Entry,
    Digest,
    Revision,
    Owner,
    Label,
}

fn harm(kept: &mut Kept, harm: Harm) {
    let annotations = kept.meta.annotations.get_or_insert_default();
    match harm {
        Harm::None => {}
        Harm::Entry => drop(kept.data.0.insert("deviceKey".to_owned(), "AAAA".to_owned().into())),
        Harm::Digest => drop(annotations.insert(names::DIGEST.to_owned(), "0".to_owned())),
        Harm::Revision => drop(annotations.remove(names::REVISION)),
        Harm::Owner => kept.meta.owner_references = None,
        Harm::Label => kept.meta.labels = None,
    }
}

fn renewals() -> impl Strategy<Value = Option<Renewal>> {
    let hours = |hours, at_percent| Some(Renewal { ttl: SignedDuration::from_hours(hours), at_percent });
    prop::sample::select(vec![None, hours(1, 10), hours(24, 50), hours(24, 90)])
}

prop_compose! {
    fn models()(
        before in prop::option::of((renewals(), 0..72_i64, prop::sample::select(vec![
            Harm::None, Harm::Entry, Harm::Digest, Harm::Revision, Harm::Owner, Harm::Label,
        ]))),
        renewal in renewals(),
        (moved, renamed, secondary) in any::<(bool, bool, bool)>(),
    ) -> Model {
        let mut credential = object();
        let mut secrets = Secrets::new();
        if let Some((renewal, hours, harmed)) = before {
            secrets = written(&credential, renewal, now() - SignedDuration::from_hours(hours));
            for kept in secrets.values_mut() {
                harm(kept, harmed);
            }
        }
        let stranger = Kept { meta: ObjectMeta::default(), data: SecretData::from_iter([]) };
        secrets.insert(NamespacedName::new("contoso", "stranger"), stranger);
        if moved {
            credential.spec.secret.name = Some("elsewhere".to_owned());
        }
        let mut source = source();
        if renamed {
            credential.spec.secret.keys.insert("deviceKey".to_owned(), "KEY".to_owned());
        }
        if secondary {
            source.keys.slot = Slot::Secondary;
        }
        Model { credential, source, renewal, secrets, now: now(), written: 0 }
    }
}

/// The Secret holds what was asked for, and says so.
fn holds_the_credential(model: &Model) -> Result<(), TestCaseError> {
    let kept = &model.secrets[&secret_of(&model.credential)];
    let said = key_annotations_of(&kept.meta);
    let content = Source { names: model.credential.spec.secret.keys.clone(), ..model.source.clone() }.content(said.lives.clone());
    prop_assert_eq!(
        said.lives.of(entries::DPS_TOKEN).map(|life| life.not_after.duration_since(life.not_before)),
        model.renewal.map(|renewal| renewal.ttl)
    );
    prop_assert!(said.lives.of(entries::DPS_TOKEN).is_none_or(|life| model.now < life.not_after));
    prop_assert!(said.revision > 0);
    prop_assert_eq!(&kept.data.0, &content.data.0);
    prop_assert_eq!(kept.meta.annotations.as_ref().and_then(|all| all.get(names::DIGEST)), Some(&content.digest.to_string()));
    Ok(())
}

proptest! {
    #[test]
    fn there_is_one_secret_with_what_was_asked_for(before in models(), fates in fates()) {
        let mut model = before.clone();
        let last = settle(&mut model, fates);
        let at = secret_of(&model.credential);
        let stranger = NamespacedName::new("contoso", "stranger");
        prop_assert_eq!(&model.secrets[&stranger].meta, &before.secrets[&stranger].meta);
        if before.secrets.get(&at).is_some_and(|kept| kept.meta.labels.is_none()) {
            prop_assert!(last.standing.why().is_some_and(|why| why.reason == moorage_plan::Reason::SecretNotOurs) && model.written == 0);
            return Ok(());
        }
        prop_assert!(described(&last)[0].starts_with("met"), "{:?}", described(&last));
        let ours = model.secrets.values().filter(|kept| owner_of(&kept.meta).as_ref() == Some(&model.credential.key()));
        prop_assert_eq!(ours.count(), 1);
        prop_assert!(model.written <= 2, "one write of the Secret, and one removal");
        holds_the_credential(&model)?;
    }

    #[test]
    fn a_token_never_ends_before_it_is_renewed_and_each_renewal_is_one_write(renewal in renewals(), fates in fates(), rounds in 1..6_usize) {
        let (credential, source) = (object(), source());
        let mut model = Model { credential, source, renewal, secrets: Secrets::new(), now: now(), written: 0 };
        settle(&mut model, fates);
        for round in 1..=rounds {
            let Some(due) = model.plan().look_again else { break };
            let life = key_annotations_of(&model.secrets[&secret_of(&model.credential)].meta).lives.of(entries::DPS_TOKEN);
            prop_assert!(model.now < due && life.is_some_and(|life| due < life.not_after));
            model.now = due;
            settle(&mut model, Vec::new());
            prop_assert_eq!(model.written, round + 1);
            prop_assert_eq!(key_annotations_of(&model.secrets[&secret_of(&model.credential)].meta).revision, i64::try_from(round + 1).expect("few"));
            holds_the_credential(&model)?;
        }
    }
}
