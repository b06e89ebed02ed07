//! How a call of Azure is made: from an operation to a reply, over the pipelines of Microsoft's libraries.

pub(crate) mod paging;
pub(crate) mod request;
pub(crate) mod service_client;
pub(crate) mod transport;
pub(crate) mod version;
