#![allow(clippy::unwrap_used)]

mod passes;
pub(crate) mod soundness;
mod windows;
