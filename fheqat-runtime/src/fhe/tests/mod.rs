#![allow(clippy::unwrap_used)]

mod exact;
mod graphs;
mod kinds;
mod linear;
mod noise;
mod refuses;
mod security;
