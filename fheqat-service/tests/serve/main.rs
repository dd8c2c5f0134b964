//! `fheqat serve` as a process that is asked, flooded, killed and started again.
#![allow(clippy::unwrap_used)]

mod disks;
mod figures;
mod hostile;
mod kills;
mod owners;
mod predictions;
mod process;
mod world;
