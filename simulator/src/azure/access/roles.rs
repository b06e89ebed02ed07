//! Role assignments: what principals may do where.

use jiff::Timestamp;

use crate::azure::state::Azure;

/// Who may do what on a resource, or on something around it.
#[derive(Clone)]
pub(crate) struct RoleAssignment {
    pub name: String,
    /// The id of what the role is for, in lower case.
    pub scope: String,
    /// The id of the role's definition as the caller wrote it.
    pub definition: String,
    pub principal: String,
    pub principal_type: String,
    pub created: Timestamp,
}

impl RoleAssignment {
    /// The name of the role, the last segment of its definition's id, in lower case.
    pub fn role(&self) -> String {
        self.definition.rsplit('/').next().unwrap_or_default().to_lowercase()
    }

    /// Whether it counts for what has that id, in lower case.
    pub fn reaches(&self, id: &str) -> bool {
        id.strip_prefix(&self.scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Azure {
    /// Whether a principal has a role on what has that id, in lower case.
    pub(crate) fn has_role(&self, principal: &str, role: &str, id: &str) -> bool {
        self.roles.values().any(|one| one.role() == role && one.principal.eq_ignore_ascii_case(principal) && one.reaches(id))
    }
}
