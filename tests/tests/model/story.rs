//! A world, and what can be said and changed in it.

use std::collections::{BTreeMap, BTreeSet};

use moorage_crds::annotations;
use moorage_tests::harness::{CLIENT, CLIENT_SECRET};
use serde_json::{Value, json};

use crate::authorities::Authorities;
use crate::case::{ACCOUNT, Case, PLATFORM, Parting, Proof, Ref, SERVICE, TENANTS, authority_name, group_id, hub_name};
use crate::objects::{grant_of_account, grant_of_service, grants_of_group, parting, policy, written};
use crate::world::World;

/// The foreign group of the service, if it was there before.
pub const FOREIGN_GROUP: &str = "somebody-elses";
/// The foreign hub, linked to the service.
pub const FOREIGN_HUB: &str = "somebody-elses-hub";

/// A world and its case.
pub struct Story<'a> {
    pub case: &'a Case,
    pub world: World,
    /// What others have changed since, and how often.
    pub touched: BTreeMap<String, usize>,
    pub authorities: Authorities,
    /// What it has come to.
    pub reached: Vec<&'static str>,
    /// The devices that have worked in the end, by tenant and number.
    pub worked: BTreeSet<(usize, usize)>,
    /// The client secret that the cloud takes now.
    secrets: usize,
}

impl<'a> Story<'a> {
    /// The story of a case, before anything happens in it.
    pub fn of(case: &'a Case, world: World) -> Self {
        Self {
            case,
            world,
            touched: BTreeMap::new(),
            authorities: Authorities::default(),
            reached: Vec::new(),
            worked: BTreeSet::new(),
            secrets: 0,
        }
    }
}

/// A Secret.
pub fn secret(namespace: &str, name: &str, data: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "namespace": namespace, "name": name }, "data": data })
}

/// A value as a Secret has it.
pub fn encoded(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

impl Story<'_> {
    /// Puts the client secret into its Secret.
    pub fn write_client_secret(&self, text: &str) {
        let object = secret(PLATFORM, ACCOUNT, &json!({ "clientSecret": encoded(text) }));
        if self.world.cluster.create(&object) == 409 {
            self.world.cluster.change("Secret", PLATFORM, ACCOUNT, |found| found["data"] = object["data"].clone());
        }
    }

    /// Puts an authority as it is into its Secret, in the namespace of its group.
    pub fn write_authority(&mut self, t: usize, n: u8) {
        let (_, namespace, _) = self.case.place(Ref::Group(u8::try_from(t).expect("few")));
        let (name, data) = (authority_name(t, n), self.authorities.of(t, n).data());
        let mut object = secret(namespace, &name, &data);
        object["type"] = "kubernetes.io/tls".into();
        if self.world.cluster.create(&object) == 409 {
            self.world.cluster.change("Secret", namespace, &name, |found| found["data"] = data);
        }
    }

    /// Puts the authorities of a tenant whose group needs them into their Secrets.
    pub fn write_authorities(&mut self, t: usize) {
        if self.case.tenants[t].enrollment.proof != Proof::Keys {
            (0..2).for_each(|n| self.write_authority(t, n));
        }
    }

    /// Uploads an authority as it is to the service, if there is one.
    pub fn upload_authority(&mut self, t: usize, n: u8) {
        let (name, pem) = (authority_name(t, n), self.authorities.of(t, n).certificate);
        if self.world.cloud.snapshot().lines().any(|line| line.starts_with(&format!("service {SERVICE} "))) {
            self.world.cloud.seed(|azure| azure.add_authority(SERVICE, &name, &pem));
        }
    }

    /// Notes what the world has come to.
    pub fn reach(&mut self, what: &'static str) {
        self.reached.push(what);
    }

    /// Notes that somebody else has changed something.
    pub fn touch(&mut self, what: String) {
        *self.touched.entry(what).or_default() += 1;
    }

    /// How often somebody else has changed something.
    pub fn touches(&self, what: &str) -> usize {
        self.touched.get(what).copied().unwrap_or(0)
    }

    /// Name of the Secret that a credential asks for now, or would if it were applied.
    pub fn secret_of(&self, t: usize, d: usize) -> String {
        let (t, d) = (u8::try_from(t).expect("few"), u8::try_from(d).expect("few"));
        let object = self.get(Ref::Device(t, d)).unwrap_or_else(|| written(self.case, Ref::Device(t, d)));
        object["spec"]["secret"]["name"].as_str().map_or_else(|| self.case.place(Ref::Device(t, d)).2, str::to_owned)
    }

    /// Name of the Secret with a group's keys.
    pub fn keys_of(&self, t: usize) -> (&'static str, String) {
        let (_, namespace, name) = self.case.place(Ref::Group(u8::try_from(t).expect("few")));
        let named = self.case.tenants[t].enrollment.secret_named;
        (namespace, if named { format!("{}-named-keys", TENANTS[t]) } else { format!("{name}-keys") })
    }

    pub fn get(&self, object: Ref) -> Option<Value> {
        let (kind, namespace, name) = self.case.place(object);
        self.world.cluster.get(kind, namespace, &name)
    }

    pub fn change(&self, object: Ref, change: impl FnOnce(&mut Value)) {
        let (kind, namespace, name) = self.case.place(object);
        self.world.cluster.change(kind, namespace, &name, change);
    }

    pub fn annotate(&self, object: Ref, annotation: &str, value: &Value) {
        self.change(object, |object| {
            if !object["metadata"]["annotations"].is_object() {
                object["metadata"]["annotations"] = json!({});
            }
            object["metadata"]["annotations"][annotation] = value.clone();
        });
    }

    /// Creates an object, if it is not there.
    pub fn apply(&self, object: Ref) {
        self.world.cluster.create(&written(self.case, object));
    }

    /// Applies everything, in the order of the case.
    pub fn apply_all(&self) {
        let mut left = self.case.objects();
        let mut order = self.case.order.iter().cycle();
        while !left.is_empty() {
            let next = order.next().copied().map_or(0, usize::from) % left.len();
            self.apply(left.remove(next));
        }
    }

    pub fn delete(&self, object: Ref) {
        let (kind, namespace, name) = self.case.place(object);
        self.world.cluster.delete(kind, namespace, &name);
    }

    /// Confirms what deletion would destroy.
    pub fn confirm(&self, object: Ref) {
        if let Some(found) = self.get(object) {
            self.annotate(object, annotations::CONFIRM_DELETE, &found["metadata"]["uid"]);
        }
    }

    /// Says what becomes of the cloud's side.
    pub fn keep(&self, object: Ref, kept: bool) {
        self.change(object, |found| match object {
            Ref::Account => {}
            Ref::Device(..) => {
                found["spec"]["deletionPolicy"] = parting(if kept { Parting::Retain } else { Parting::Disenroll }).into();
            }
            Ref::Service | Ref::Hubs(_) | Ref::Group(_) => found["spec"]["deletionPolicy"] = policy(!kept).into(),
        });
    }

    /// Gives a tenant what it is granted, or takes it.
    pub fn grant(&self, object: Ref, t: usize, granted: bool) {
        let grant = match object {
            Ref::Account => json!([grant_of_account(t)]),
            Ref::Service => json!([grant_of_service(t)]),
            Ref::Group(of) if self.case.tenant(of) == t => grants_of_group(t),
            Ref::Group(_) | Ref::Hubs(_) | Ref::Device(..) => return,
        };
        self.change(object, |found| {
            let mut grants = found["spec"]["grants"].as_array().cloned().unwrap_or_default();
            grants.retain(|other| other["namespaces"] != grant[0]["namespaces"]);
            if granted {
                grants.extend(grant.as_array().cloned().unwrap_or_default());
            }
            found["spec"]["grants"] = grants.into();
        });
    }

    /// The name by which a hub, a group or the service is asked to be made anew.
    pub fn recreate(&self, object: Ref, n: u8) {
        let name = match object {
            Ref::Service => SERVICE.to_owned(),
            Ref::Hubs(t) => hub_name(self.case.tenant(t), self.case.hub(self.case.tenant(t), n)),
            Ref::Group(t) => group_id(self.case.tenant(t)),
            Ref::Account | Ref::Device(..) => return,
        };
        self.annotate(object, annotations::RECREATE, &name.into());
    }

    /// Replaces the client secret, in the cloud and in the cluster.
    pub fn roll_client_secret(&mut self) {
        self.secrets += 1;
        let fresh = format!("{CLIENT_SECRET}-{}", self.secrets);
        self.world.cloud.seed(|azure| {
            azure.set_client_secrets(CLIENT, &[&fresh]);
            azure.expire_tokens();
        });
        self.write_client_secret(&fresh);
    }
}
