//! The right to change something in a cloud.

/// Whoever has it may write. It comes with the clients of a cloud, once, and cannot be copied: every operation that changes something asks
/// for it, so that code without it only reads.
#[derive(Debug)]
pub struct WriteAccess(());

impl WriteAccess {
    pub(crate) fn new() -> Self {
        Self(())
    }
}
