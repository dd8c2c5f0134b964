//! Integers only: what a trained network becomes.

pub mod codec;
pub mod ir;
