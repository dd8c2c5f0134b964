#![allow(clippy::unwrap_used)]

mod exact;
mod graphs;
mod kinds;
mod noise;
mod refuses;
mod security;
