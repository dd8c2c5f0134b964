#![allow(clippy::unwrap_used)]

mod hostile;
mod lowering;
mod passes;
mod rewrites;
pub(crate) mod soundness;
mod text;
mod windows;
