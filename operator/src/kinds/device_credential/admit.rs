//! Judges what was asked for, before anything is read for it.

pub mod uniqueness;
