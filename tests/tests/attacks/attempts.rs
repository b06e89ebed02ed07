//! Things that a tenant tries one after the other in one world: each an object of its own that is refused and makes nothing.

use serde_json::{Value, json};

use crate::attacker::Attack;

/// An object that reaches for what was not granted.
pub struct Attempt {
    /// What is attempted, as the object's name has it.
    pub name: &'static str,
    /// The kind of the object.
    pub kind: &'static str,
    /// Its spec.
    pub spec: Value,
    /// For which reason it is refused.
    pub reason: &'static str,
}

impl Attempt {
    /// An object of a kind that is not granted what it refers to.
    pub fn ungranted(name: &'static str, kind: &'static str, spec: Value) -> Self {
        Self { name, kind, spec, reason: "NotGranted" }
    }

    /// The same, refused for another reason.
    pub fn because(self, reason: &'static str) -> Self {
        Self { reason, ..self }
    }

    /// It as it is applied.
    pub fn object(&self, namespace: &str) -> Value {
        json!({
            "apiVersion": "moorage.dev/v1alpha1",
            "kind": self.kind,
            "metadata": { "namespace": namespace, "name": self.name },
            "spec": self.spec,
        })
    }
}

impl Attack {
    /// Makes all attempts at once, as the attacker: each is refused for its reason, none makes anything in the cloud or in a Secret, and
    /// none leaves anything behind when it is deleted.
    pub async fn is_refused(&self, attempts: &[Attempt]) -> anyhow::Result<()> {
        let before = self.tenants.snapshot();
        for attempt in attempts {
            self.create(attempt.kind, attempt.name, &attempt.spec).await?;
        }
        for attempt in attempts {
            let sentence = self.until_refused(attempt.kind, attempt.name, attempt.reason).await?;
            let secrets = [attempt.name.to_owned(), format!("{}-keys", attempt.name)];
            for secret in secrets {
                anyhow::ensure!(!self.has_secret(&secret).await?, "{}: there is a Secret {secret}", attempt.name);
            }
            anyhow::ensure!(!sentence.contains(".azure-devices.net"), "{}: a host is told: {sentence}", attempt.name);
        }
        self.tenants.harness.until_at_rest(&self.tenants.operator).await?;
        anyhow::ensure!(self.tenants.snapshot() == before, "the cloud is not what it was: {}", self.tenants.snapshot());
        for attempt in attempts {
            self.delete(attempt.kind, attempt.name).await?;
        }
        for attempt in attempts {
            self.tenants.harness.until_gone(attempt.kind, &self.namespace(), attempt.name).await?;
        }
        anyhow::ensure!(self.tenants.snapshot() == before, "the cloud is not what it was: {}", self.tenants.snapshot());
        Ok(())
    }
}
