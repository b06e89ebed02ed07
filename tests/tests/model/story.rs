//! What happens in a world, step by step.

use std::collections::BTreeMap;

use moorage_crds::annotations;
use moorage_simulator::{NewHub, NewService};
use moorage_tests::stage::{CLIENT, CLIENT_SECRET, SUBSCRIPTION};
use serde_json::{Value, json};

use crate::case::{
    ACCOUNT, Action, Case, PLATFORM, Ref, SERVICE, Step, TENANTS, Tampering, Wait, group_id, hub_name, region, resource_group,
};
use crate::objects::{RENAMED, grant_of_account, grant_of_service, grants_of_group, policy, secret_name, token, written};
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
    /// The client secret that the cloud takes now.
    secrets: usize,
}

/// Sets up what is there before anything of ours.
pub async fn begin(case: &Case) -> Story<'_> {
    let world = World::new(case).await;
    world.cloud.edit(|azure| {
        if case.service.existed {
            azure.add_service(NewService { subscription: SUBSCRIPTION, group: "platform-rg", name: SERVICE, location: "eastus" });
        }
        for (t, tenant) in case.tenants.iter().enumerate() {
            let group = resource_group(t);
            if tenant.group_existed {
                azure.add_resource_group(SUBSCRIPTION, &group, "eastus");
            }
            for (h, hub) in tenant.hubs.iter().enumerate().filter(|(_, hub)| hub.existed) {
                azure.add_hub(NewHub { subscription: SUBSCRIPTION, group: &group, name: &hub_name(t, h), location: region(h), sku: "S1" });
                if hub.linked && case.service.existed {
                    azure.link_hub(SERVICE, &hub_name(t, h));
                }
            }
        }
        if case.service.existed && case.service.foreign {
            azure.add_hub(NewHub { subscription: SUBSCRIPTION, group: "elsewhere", name: FOREIGN_HUB, location: "eastus", sku: "S1" });
            azure.link_hub(SERVICE, FOREIGN_HUB);
            azure.add_group(SERVICE, FOREIGN_GROUP, &[&format!("{FOREIGN_HUB}.azure-devices.net")]);
            azure.add_enrollment(SERVICE, "somebody-elses-device", true);
        }
        for (t, tenant) in case.tenants.iter().enumerate().filter(|_| case.service.existed) {
            if tenant.enrollment.existed {
                azure.add_group(SERVICE, &group_id(t), &[]);
            }
            for (d, device) in tenant.devices.iter().enumerate() {
                if let Some(enabled) = device.enrolled {
                    azure.add_enrollment(SERVICE, &case.registration_id(t, d), enabled);
                }
            }
        }
    });
    let story = Story { case, world, touched: BTreeMap::new(), secrets: 0 };
    story.write_client_secret(CLIENT_SECRET);
    for object in case.objects() {
        if let Ref::Device(t, d) = object
            && case.tenants[usize::from(t)].devices[usize::from(d)].strange_secret
        {
            let at = story.secret_of(usize::from(t), usize::from(d));
            story.world.cluster.create(&secret(TENANTS[usize::from(t)], &at, &json!({ "theirs": "b3du" })));
        }
    }
    story
}

fn secret(namespace: &str, name: &str, data: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "namespace": namespace, "name": name }, "data": data })
}

fn encoded(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

impl Story<'_> {
    /// Puts the client secret into its Secret.
    fn write_client_secret(&self, text: &str) {
        let object = secret(PLATFORM, ACCOUNT, &json!({ "clientSecret": encoded(text) }));
        if self.world.cluster.create(&object) == 409 {
            self.world.cluster.change("Secret", PLATFORM, ACCOUNT, |found| found["data"] = object["data"].clone());
        }
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
            Ref::Device(..) => found["spec"]["deletionPolicy"] = if kept { "Retain" } else { "Disenroll" }.into(),
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

    fn change_hub(&self, t: u8, h: u8, change: impl FnOnce(&mut Value)) {
        let name = hub_name(self.case.tenant(t), self.case.hub(self.case.tenant(t), h));
        self.change(Ref::Hubs(t), |object| {
            if let Some(hub) = object["spec"]["hubs"].as_array_mut().and_then(|hubs| hubs.iter_mut().find(|hub| hub["name"] == name)) {
                change(hub);
            }
        });
    }

    fn drop_hub(&self, t: u8, h: u8) {
        let name = hub_name(self.case.tenant(t), self.case.hub(self.case.tenant(t), h));
        self.change(Ref::Hubs(t), |object| {
            if let Some(hubs) = object["spec"]["hubs"].as_array_mut().filter(|hubs| hubs.len() > 1) {
                hubs.retain(|hub| hub["name"] != name);
            }
        });
    }

    fn tamper(&self, namespace: &str, name: &str, how: Tampering) {
        let cluster = &self.world.cluster;
        match how {
            Tampering::Delete => {
                cluster.delete("Secret", namespace, name);
            }
            Tampering::Corrupt => {
                cluster.change("Secret", namespace, name, |secret| {
                    for value in secret["data"].as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
                        *value = "bm90aGluZw==".into();
                    }
                });
            }
            Tampering::StripAnnotations => {
                cluster.change("Secret", namespace, name, |secret| secret["metadata"]["annotations"] = json!({}));
            }
            Tampering::StripLabels => {
                cluster.change("Secret", namespace, name, |secret| secret["metadata"]["labels"] = json!({}));
            }
        }
    }

    fn lose_status(&self, object: Ref) {
        let (kind, namespace, name) = self.case.place(object);
        let path = format!("{}/status", moorage_tests::apiserver::path_of(kind, namespace, &name));
        if let Some(mut found) = self.get(object) {
            found["status"] = json!({});
            self.world.cluster.ask(&http::Method::PUT, &path, &found);
        }
    }

    /// Replaces the client secret, in the cloud and in the cluster.
    pub fn roll_client_secret(&mut self) {
        self.secrets += 1;
        let fresh = format!("{CLIENT_SECRET}-{}", self.secrets);
        self.world.cloud.edit(|azure| {
            azure.set_client_secrets(CLIENT, &[&fresh]);
            azure.expire_tokens();
        });
        self.write_client_secret(&fresh);
    }

    /// Takes one step.
    ///
    /// # Errors
    /// If the world does not come to where the step waits for it.
    pub async fn step(&mut self, step: &Step) -> Result<(), String> {
        self.world.cluster.trouble(step.cluster.clone());
        self.world.trouble(&step.cloud);
        self.act(step.action).await?;
        match step.wait {
            Wait::Turns(turns) => {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
            Wait::Stillness => self.world.stillness().await,
            Wait::Minutes(minutes) => self.world.pass(jiff::SignedDuration::from_mins(i64::from(minutes))).await,
        }
    }

    async fn act(&mut self, action: Action) -> Result<(), String> {
        let device = |story: &Self, t: u8, d: u8| (story.case.tenant(t), story.case.device(story.case.tenant(t), d));
        match action {
            Action::Nothing => {}
            Action::Reapply(object) => self.apply(object),
            Action::Delete(object) => self.delete(object),
            Action::Confirm(object) => self.confirm(object),
            Action::Pause(object, paused) => self.annotate(object, annotations::PAUSED, &paused.to_string().into()),
            Action::Sync(object, n) => self.annotate(object, annotations::SYNC_REQUESTED_AT, &n.to_string().into()),
            Action::Recreate(object, n) => self.recreate(object, n),
            Action::Keep(object, kept) => self.keep(object, kept),
            Action::Grant(object, t, granted) => self.grant(object, self.case.tenant(t), granted),
            Action::Resize(t, h, units) => self.change_hub(t, h, |hub| hub["sku"]["capacity"] = units.into()),
            Action::Weigh(t, h, weight) => self.change_hub(t, h, |hub| hub["link"]["allocationWeight"] = weight.into()),
            Action::DropHub(t, h) => self.drop_hub(t, h),
            Action::Enable(t, enabled) => {
                let status = if enabled { "Enabled" } else { "Disabled" };
                self.change(Ref::Group(t), |group| group["spec"]["provisioningStatus"] = status.into());
            }
            Action::RenameSecret(t, d, named) => {
                let name = self.case.place(Ref::Device(t, d)).2;
                let secret = if named { secret_name(&name) } else { name };
                self.change(Ref::Device(t, d), |device| device["spec"]["secret"]["name"] = secret.into());
            }
            Action::RenameKey(t, d, named) => {
                let keys = if named { json!({ "deviceKey": RENAMED }) } else { json!({}) };
                self.change(Ref::Device(t, d), |device| device["spec"]["secret"]["keys"] = keys);
            }
            Action::Token(t, d, hours) => {
                self.change(Ref::Device(t, d), |device| device["spec"]["dpsToken"] = hours.map_or(Value::Null, token));
            }
            Action::Disenroll(t, d, barred) => self.keep(Ref::Device(t, d), !barred),
            Action::Tamper(t, d, how) => {
                let (t, d) = device(self, t, d);
                self.tamper(TENANTS[t], &self.secret_of(t, d), how);
            }
            Action::TamperKeys(t, how) => {
                let (namespace, name) = self.keys_of(self.case.tenant(t));
                self.tamper(namespace, &name, how);
            }
            Action::LoseStatus(object) => self.lose_status(object),
            Action::Register(t, d) => {
                let (t, d) = device(self, t, d);
                // It may be too early for that, or be refused.
                let _registered = crate::devices::register(self, t, d).await;
            }
            Action::Restart => self.world.restart(),
            Action::BreakWatches(gone) => self.world.cluster.break_watches(gone),
            Action::BarSecrets(t, barred) => self.world.cluster.bar_secrets(TENANTS[self.case.tenant(t)], barred),
            Action::Cloud(hand) => {
                if matches!(hand, crate::case::Hand::ExpireTokens) {
                    self.world.machines_clock_moves().await;
                }
                crate::hands::use_hand(self, hand);
            }
        }
        Ok(())
    }
}
