//! The rules of the house, where a machine can check them.

mod arrows;
mod chart;
mod commands;
mod coverage;
mod examples;
mod files;
mod modules;
mod repository;
mod rooms;
