#![allow(clippy::unwrap_used)]

mod hostile;
mod passes;
pub(crate) mod soundness;
mod text;
mod windows;
