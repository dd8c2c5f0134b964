#![allow(clippy::unwrap_used)]

mod exact;
mod graphs;
mod noise;
mod refuses;
mod timing;
