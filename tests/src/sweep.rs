//! The crash sweep: at every effect of the operator something goes wrong, and the world must end as it does without trouble.
//!
//! The operator is not prepared for it: a proxy sits before the API server and one before the cloud, and meddles with one
//! request of a run. A first run without trouble tells which effects there are.

pub(crate) mod authority;
mod cells;
mod crew;
mod fixture;
pub(crate) mod judge;
mod label;
mod log;
mod run;
mod seam;
mod table;
pub(crate) mod upstream;
mod world;

pub use cells::{Cell, cells, swept};
pub use fixture::Tenant;
pub use judge::{Mode, Trouble};
pub use label::{Label, of_audit, of_cloud};
pub use log::Log;
pub use run::{Checkpoints, Ended, Run, run};
pub use table::table;
