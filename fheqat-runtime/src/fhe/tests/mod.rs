#![allow(clippy::unwrap_used)]

mod exact;
mod failures;
mod graphs;
mod kinds;
mod noise;
mod promise;
mod refuses;
mod security;
mod timing;
