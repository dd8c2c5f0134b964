#![allow(clippy::unwrap_used)]

mod exact;
mod failures;
mod graphs;
mod kinds;
mod noise;
mod refuses;
mod timing;
