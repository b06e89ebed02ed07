//! The control plane of the tests is a real one, and leaves nothing behind.

mod behaviour;
mod crash;
