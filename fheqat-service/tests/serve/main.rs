//! `fheqat serve` as a process that is asked, flooded, killed and started again.
#![allow(clippy::unwrap_used)]

mod clients;
mod disks;
mod figures;
mod hostile;
mod kills;
mod owners;
mod page;
mod predict;
mod predictions;
mod process;
#[path = "../shared/tools.rs"]
mod tools;
mod world;
