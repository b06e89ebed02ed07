//! What the watches have shown: objects and who refers to whom, Secrets, what was judged from them, and the writes of ours that are still to be seen.

pub mod derived;
pub mod expectations;
pub mod objects;
pub mod secrets;
pub mod unreadable;
pub mod verdicts;
