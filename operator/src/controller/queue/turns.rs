//! Whose turn it is: start-time fair queueing over tenants, by what their looks cost.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::object::ObjectKey;

/// What the tenants' looks have cost.
#[derive(Debug, Default)]
pub struct Accounts {
    by_tenant: HashMap<Arc<str>, Account>,
    /// What whoever was served last had been served: who comes now has missed no more than that.
    floor: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    served: Duration,
    /// What the last look cost, which the next is taken to cost until it is done.
    last: Duration,
    /// What was taken beforehand for looks that are under way.
    ahead: Duration,
}

impl Accounts {
    /// Whether nothing is kept.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.by_tenant.is_empty()
    }

    fn served(&self, tenant: &Arc<str>) -> Duration {
        self.by_tenant.get(tenant).map_or(self.floor, |account| account.served)
    }

    /// A tenant that had nothing to do has no claim to what it did not use.
    fn arrives(&mut self, tenant: &Arc<str>) {
        let floor = self.floor;
        let account = self.by_tenant.entry(tenant.clone()).or_default();
        account.served = account.served.max(floor);
    }

    fn begins(&mut self, tenant: &Arc<str>) {
        let account = self.by_tenant.entry(tenant.clone()).or_default();
        self.floor = self.floor.max(account.served);
        account.served = account.served.saturating_add(account.last);
        account.ahead = account.ahead.saturating_add(account.last);
    }

    /// A look has cost so much.
    pub fn settle(&mut self, tenant: &Arc<str>, cost: Duration) {
        let Some(account) = self.by_tenant.get_mut(tenant) else { return };
        let taken = account.last.min(account.ahead);
        account.ahead -= taken;
        account.served = account.served.saturating_sub(taken).saturating_add(cost);
        account.last = cost;
    }
}

/// Keys by tenant, the tenants in turn: first whose looks have cost least, and among equals who waits longest.
#[derive(Debug, Default)]
pub struct TenantTurns {
    order: BTreeMap<Turn, Arc<str>>,
    waiting: HashMap<Arc<str>, Row>,
    tickets: u64,
}

type Turn = (Duration, u64);

#[derive(Debug)]
struct Row {
    turn: Turn,
    keys: VecDeque<ObjectKey>,
}

impl TenantTurns {
    /// A key may be in a row more than once: only its place says whether it is still wanted there.
    pub fn push(&mut self, key: ObjectKey, accounts: &mut Accounts) {
        let tenant = key.name.namespace.clone();
        if let Some(row) = self.waiting.get_mut(&tenant) {
            row.keys.push_back(key);
            return;
        }
        accounts.arrives(&tenant);
        self.enter(tenant, VecDeque::from([key]), accounts);
    }

    /// The next key of the first tenant that may be served.
    pub fn pop(&mut self, accounts: &mut Accounts, may_serve: impl Fn(&Arc<str>) -> bool) -> Option<ObjectKey> {
        let (turn, tenant) = self.order.iter().find(|(_, tenant)| may_serve(tenant)).map(|(turn, tenant)| (*turn, tenant.clone()))?;
        self.order.remove(&turn);
        let Row { mut keys, .. } = self.waiting.remove(&tenant)?;
        let key = keys.pop_front();
        accounts.begins(&tenant);
        if !keys.is_empty() {
            self.enter(tenant, keys, accounts);
        }
        key
    }

    /// Puts a tenant, if it waits, where it belongs by what its looks have cost now.
    pub fn reorder(&mut self, tenant: &Arc<str>, accounts: &Accounts) {
        let Some(row) = self.waiting.get_mut(tenant) else { return };
        self.order.remove(&row.turn);
        row.turn.0 = accounts.served(tenant);
        self.order.insert(row.turn, tenant.clone());
    }

    fn enter(&mut self, tenant: Arc<str>, keys: VecDeque<ObjectKey>, accounts: &Accounts) {
        self.tickets += 1;
        let turn = (accounts.served(&tenant), self.tickets);
        self.order.insert(turn, tenant.clone());
        self.waiting.insert(tenant, Row { turn, keys });
    }
}
