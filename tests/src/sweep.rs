//! The crash sweep: at every effect of the operator something goes wrong, and the world must end as it does without trouble.
//!
//! The operator is not prepared for it. On the real API server a proxy sits before it and one before the cloud, and meddles with one
//! request of a run; on the in-memory one that is done between the operator and its clients. A first run without trouble tells which
//! effects there are.

pub(crate) mod authority;
mod cells;
mod fixture;
pub(crate) mod judge;
mod label;
mod log;
mod memory;
mod operator_process;
mod passage;
mod place;
mod run;
mod seam;
mod table;
pub(crate) mod upstream;
mod world;

pub use cells::{Cell, Scope, Sweep, cells_of, grouped, on_real, swept, troubles};
pub use fixture::Tenant;
pub use judge::{Counts, Mode, Trouble};
pub use label::{Label, of_audit, of_cloud};
pub use log::Log;
pub use place::Server;
pub use run::{Checkpoints, Ended, Run, run};
pub use table::table;
pub use world::difference;
