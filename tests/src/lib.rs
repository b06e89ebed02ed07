//! What tests, the demo and the benchmark share.

pub mod controlplane;
pub mod progress;
pub mod wait;
