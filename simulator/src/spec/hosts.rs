//! Which of Azure's planes answers at a host.

/// A set of operations that share a host and its habits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Plane {
    Management,
    ProvisioningService,
    ProvisioningDevice,
    Hub,
}

enum Owner {
    One(Plane),
    /// Service and device API share the names; the path tells them apart.
    Provisioning,
}

/// The one list of hosts: a name, or a suffix that begins with a dot. What the files say of hosts (`host`,
/// `x-ms-parameterized-host`) is a placeholder or an example, so it is not read.
const HOSTS: [(&str, Owner); 4] = [
    ("management.azure.com", Owner::One(Plane::Management)),
    ("global.azure-devices-provisioning.net", Owner::One(Plane::ProvisioningDevice)),
    (".azure-devices-provisioning.net", Owner::Provisioning),
    (".azure-devices.net", Owner::One(Plane::Hub)),
];

impl Plane {
    /// Finds the plane by host (a port is ignored) and, where one host has two planes, by path.
    pub(super) fn of(host: &str, path: &str) -> Option<Self> {
        let name = host.split(':').next().unwrap_or_default();
        let (_, owner) = HOSTS.iter().find(|(pattern, _)| fits(pattern, name))?;
        Some(match owner {
            Owner::One(plane) => *plane,
            Owner::Provisioning if is_device_path(path) => Self::ProvisioningDevice,
            Owner::Provisioning => Self::ProvisioningService,
        })
    }

    /// Azure Resource Manager compares path segments without regard to case; the data planes do not.
    pub(super) fn ignores_case(self) -> bool {
        self == Self::Management
    }
}

fn fits(pattern: &str, name: &str) -> bool {
    let start = name.len().saturating_sub(pattern.len());
    let Some(tail) = name.get(start..) else {
        return false;
    };
    tail.eq_ignore_ascii_case(pattern) && (start == 0 || pattern.starts_with('.'))
}

/// `/{idScope}/registrations/…`, against the service's own `/registrations/{id}`.
fn is_device_path(path: &str) -> bool {
    let mut segments = path.trim_start_matches('/').split('/');
    segments.next() != Some("registrations") && segments.next() == Some("registrations")
}
