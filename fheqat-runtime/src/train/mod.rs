//! From data to a trained network.

pub(crate) mod calibrate;
pub mod config;
pub(crate) mod encode;
pub mod error;
pub(crate) mod evaluate;
pub(crate) mod fit;
mod gain;
pub mod history;
mod loss;
mod optimizer;
pub mod ptq;
mod ridge;
pub mod schedule;
pub(crate) mod search;
mod start;
mod targets;
#[cfg(test)]
mod tests;
mod trainer;
pub mod trial;
mod weights;

pub use config::{Activations, CostSearch, FeatureMap, Loss, Optimizer, TrainConfig, Validation};
pub use error::TrainError;
pub use evaluate::Metrics;
pub use history::{Epoch, History};
pub use ptq::PtqConfig;
pub use schedule::Schedule;
pub use trial::{Trial, Tried};
