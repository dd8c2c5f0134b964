//! Where prices come from: an estimate for training, and measurements of this machine.
//!
//! [`estimate`] prices a circuit by a curve that the parameter search gave, so that training needs no cryptography. `measure` times the
//! engine's operations on this machine, and `cache` keeps what it measured. The law that adds prices up is in `params::cost`.

#[cfg(feature = "fhe")]
mod cache;
pub mod estimate;
#[cfg(feature = "fhe")]
mod machine;
#[cfg(feature = "fhe")]
mod measure;
#[cfg(feature = "fhe")]
pub(crate) mod times;

pub use estimate::Price;
