//! What tests, the demo and the benchmark share.

pub mod apiserver;
pub mod bench;
mod cache;
pub mod cert_manager;
pub mod controlplane;
pub mod demo;
pub mod device;
pub mod example;
pub mod fuzz;
pub mod load;
pub mod operator;
pub mod process;
pub mod progress;
pub mod relay;
pub mod signing;
pub mod spoiler;
pub mod stage;
pub mod sweep;
pub mod test_env;
pub mod vendors;
pub mod wait;
pub mod world;
