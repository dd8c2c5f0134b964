//! `fheqat serve` and `fheqat worker` as processes with a NATS server between them, which are killed and started again.
#![allow(clippy::unwrap_used)]

#[path = "../shared/authority.rs"]
mod authority;
mod kills;
mod machines;
mod predictions;
#[allow(dead_code, reason = "the tests of one machine use all of it")]
#[path = "../serve/process.rs"]
mod process;
mod results;
mod routes;
mod secure;
#[path = "../shared/tools.rs"]
mod tools;
#[allow(dead_code, reason = "the tests of one machine use all of it")]
#[path = "../serve/world.rs"]
mod world;
