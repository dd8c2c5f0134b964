//! `fheqat serve` as a process that is asked, flooded, killed and started again.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "the tests of NATS use all of it")]
#[path = "../shared/authority.rs"]
mod authority;
mod clients;
mod clocks;
mod disks;
mod figures;
mod hostile;
mod kills;
mod limits;
mod owners;
mod page;
mod predict;
mod predictions;
mod process;
mod tls;
#[path = "../shared/tools.rs"]
mod tools;
mod world;
