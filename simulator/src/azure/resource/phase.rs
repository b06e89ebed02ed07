//! What a resource is busy with.

/// What the resource is busy with; the number is that of the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Creating(u64),
    Updating(u64),
    Active,
    Deleting(u64),
}

impl Phase {
    /// Ends the operation of that number; true when the resource is then gone.
    pub fn end(&mut self, number: u64) -> bool {
        match *self {
            Self::Creating(mine) | Self::Updating(mine) if mine == number => {
                *self = Self::Active;
                false
            }
            Self::Deleting(mine) => mine == number,
            Self::Creating(_) | Self::Updating(_) | Self::Active => false,
        }
    }

    /// `properties.provisioningState`.
    pub fn provisioning_state(self) -> &'static str {
        match self {
            Self::Creating(_) => "Activating",
            Self::Updating(_) => "Transitioning",
            Self::Active => "Succeeded",
            Self::Deleting(_) => "Deleting",
        }
    }

    /// `properties.state`.
    pub fn state(self) -> &'static str {
        match self {
            Self::Active => "Active",
            other => other.provisioning_state(),
        }
    }

    /// Whether the data plane answers.
    pub fn serves(self) -> bool {
        matches!(self, Self::Active | Self::Updating(_))
    }
}
