//! What happens in a world, step by step.

use moorage_crds::annotations;
use serde_json::{Value, json};

use crate::case::{Action, Hand, Ref, Step, TENANTS, Tampering, Wait, authority_name, hub_name};
use crate::objects::{IDENTITY, RENAMED, alone, authentication, certificate, parting, referred, secret_name, signed, token};
use crate::story::Story;

impl Story<'_> {
    /// Takes one step.
    ///
    /// # Errors
    /// If the world does not come to where the step waits for it.
    pub async fn step(&mut self, step: &Step) -> Result<(), String> {
        self.world.cluster.trouble(step.cluster.clone());
        self.world.trouble(&step.cloud);
        self.act(step.action).await;
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

    async fn act(&mut self, action: Action) {
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
            Action::LoseStatus(object) => self.lose_status(object),
            Action::Register(t, d) => {
                let (t, d) = self.device(t, d);
                // It may be too early for that, or be refused.
                let _registered = crate::devices::register(self, t, d).await;
            }
            Action::Restart => self.world.restart(),
            Action::BreakWatches(gone) => self.world.cluster.break_watches(gone),
            Action::BarSecrets(t, barred) => self.world.cluster.bar_secrets(TENANTS[self.case.tenant(t)], barred),
            Action::Cloud(hand) => {
                if matches!(hand, Hand::ExpireTokens) {
                    self.world.machines_clock_moves().await;
                }
                crate::outside_changes::use_hand(self, hand);
            }
            Action::Resize(..)
            | Action::Weigh(..)
            | Action::DropHub(..)
            | Action::Authenticate(..)
            | Action::Relink(..)
            | Action::Identity(..)
            | Action::Enable(..) => self.change_place(action),
            Action::Sign(..) | Action::Refer(..) | Action::RenewAuthority(..) | Action::TamperAuthority(..) | Action::TamperKeys(..) => {
                self.change_trust(action);
            }
            _ => self.change_device(action),
        }
    }

    fn device(&self, t: u8, d: u8) -> (usize, usize) {
        (self.case.tenant(t), self.case.device(self.case.tenant(t), d))
    }

    /// Changes where devices go.
    fn change_place(&self, action: Action) {
        match action {
            Action::Resize(t, h, units) => self.change_hub(t, h, |hub| hub["sku"]["capacity"] = units.into()),
            Action::Weigh(t, h, weight) => self.change_hub(t, h, |hub| hub["link"]["allocationWeight"] = weight.into()),
            Action::DropHub(t, h) => self.drop_hub(t, h),
            Action::Authenticate(t, h, by_identity) => {
                self.change_hub(t, h, |hub| hub["link"]["authentication"] = authentication(by_identity).into());
            }
            Action::Relink(t, h) => {
                let name = hub_name(self.case.tenant(t), self.case.hub(self.case.tenant(t), h));
                self.annotate(Ref::Hubs(t), annotations::RELINK, &name.into());
            }
            Action::Identity(wanted) => {
                let identity = if wanted { IDENTITY.into() } else { Value::Null };
                self.change(Ref::Service, |service| service["spec"]["identity"] = identity);
            }
            Action::Enable(t, enabled) => {
                let status = if enabled { "Enabled" } else { "Disabled" };
                self.change(Ref::Group(t), |group| group["spec"]["provisioningStatus"] = status.into());
            }
            _ => {}
        }
    }

    /// Changes by what devices are known.
    fn change_trust(&mut self, action: Action) {
        let signers = |story: &Self, t: u8, x509: Value| {
            story.change(Ref::Group(t), |group| {
                // Of what kind it is cannot change.
                if group["spec"]["attestation"]["x509"].is_object() {
                    group["spec"]["attestation"]["x509"] = x509;
                }
            });
        };
        match action {
            Action::Sign(t, primary, secondary) => signers(self, t, signed(self.case.tenant(t), primary, secondary)),
            Action::Refer(t, primary, secondary) => signers(self, t, referred(self.case.tenant(t), primary, secondary)),
            Action::RenewAuthority(t, n) => {
                let t = self.case.tenant(t);
                self.authorities.renew(t, n);
                self.write_authority(t, n);
            }
            Action::TamperAuthority(t, n, how) => {
                let (_, namespace, _) = self.case.place(Ref::Group(t));
                self.tamper(namespace, &authority_name(self.case.tenant(t), n), how);
            }
            Action::TamperKeys(t, how) => {
                let (namespace, name) = self.keys_of(self.case.tenant(t));
                self.tamper(namespace, &name, how);
            }
            _ => {}
        }
    }

    /// Changes what is wanted for a device.
    fn change_device(&self, action: Action) {
        let registers = |t: u8, d: u8| {
            let (t, d) = self.device(t, d);
            self.case.hub_of(t, d).is_none()
        };
        let set = |t: u8, d: u8, field: &str, value: Value| self.change(Ref::Device(t, d), |device| device["spec"][field] = value);
        let wish = |hours: Option<u8>, wish: fn(u8) -> Value| hours.map_or(Value::Null, wish);
        match action {
            Action::RenameSecret(t, d, named) => {
                let name = self.case.place(Ref::Device(t, d)).2;
                let secret = if named { secret_name(&name) } else { name };
                self.change(Ref::Device(t, d), |device| device["spec"]["secret"]["name"] = secret.into());
            }
            Action::RenameKey(t, d, named) => {
                let keys = if named { json!({ "deviceKey": RENAMED }) } else { json!({}) };
                self.change(Ref::Device(t, d), |device| device["spec"]["secret"]["keys"] = keys);
            }
            Action::Token(t, d, hours) if registers(t, d) => set(t, d, "dpsToken", wish(hours, token)),
            Action::HubToken(t, d, hours) => set(t, d, "hubToken", wish(hours, token)),
            Action::ConnectionString(t, d, asked) => set(t, d, "connectionString", asked.into()),
            Action::Certificate(t, d, hours) if registers(t, d) => set(t, d, "certificate", wish(hours, certificate)),
            Action::Enroll(t, d, own) if registers(t, d) => {
                let (tenant, device) = self.device(t, d);
                set(t, d, "individualEnrollment", if own { alone(self.case, tenant, device) } else { Value::Null });
            }
            Action::Reprovision(t, d, n) => {
                self.annotate(Ref::Device(t, d), annotations::REPROVISION_REQUESTED_AT, &n.to_string().into());
            }
            Action::Part(t, d, how) => set(t, d, "deletionPolicy", parting(how).into()),
            Action::Tamper(t, d, how) => {
                let (t, d) = self.device(t, d);
                self.tamper(TENANTS[t], &self.secret_of(t, d), how);
            }
            _ => {}
        }
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
}
