//! What any simulated cloud needs: a listener, HTTP and MQTT, one clock, a fault plan, a log. It knows no service.

pub(crate) mod clock;
pub(crate) mod cloud;
pub(crate) mod faults;
pub(crate) mod handle;
pub(crate) mod http;
pub(crate) mod keys;
pub(crate) mod listener;
pub(crate) mod log;
pub(crate) mod mqtt;
pub(crate) mod server;
pub(crate) mod snapshot;
pub(crate) mod tls;
