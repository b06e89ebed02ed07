//! What tests, the demo and the benchmark share.

pub mod apiserver;
pub mod bench;
mod cache;
pub mod cert_manager;
pub mod controlplane;
pub mod corrupting_proxy;
pub mod cuttable_proxy;
pub mod demo;
pub mod device;
pub mod example;
pub mod fuzz;
pub mod harness;
pub mod load;
pub mod operator;
pub mod process;
pub mod progress;
pub mod signing;
pub mod sweep;
pub mod tenants;
pub mod test_env;
pub mod vendors;
pub mod wait;
pub mod world;
