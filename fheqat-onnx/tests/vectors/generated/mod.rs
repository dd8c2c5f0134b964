//! Structs as an import writes them.

pub(crate) mod cnn;
pub(crate) mod guide_mlp;
pub(crate) mod residual;
