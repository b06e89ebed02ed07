//! Stories: an example file, applied with kubectl to a real API server, reconciled against a local Azure.

mod s0;
