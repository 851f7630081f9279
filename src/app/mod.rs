//! Use cases in order, as sentences: no clap, no printing, no system calls.

pub mod account;
pub mod audit;
pub mod bypass;
pub mod doctor;
pub mod exec;
pub mod hook;
mod image;
mod instead;
pub mod integrate;
pub mod policy;
mod programs;
pub mod record;
pub mod refusals;
mod secrets;
pub mod serve;
pub mod setup;
pub mod shim;
pub mod tool;
pub mod verify;
