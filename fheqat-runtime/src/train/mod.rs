//! From data to a trained network.

pub(crate) mod calibrate;
pub mod class_weights;
pub mod config;
pub mod control;
mod deadline;
pub(crate) mod encode;
pub mod error;
pub(crate) mod evaluate;
pub(crate) mod fit;
mod gain;
pub mod history;
mod loss;
pub mod metrics;
mod optimizer;
pub mod ptq;
mod ridge;
pub mod schedule;
pub(crate) mod search;
pub mod select;
mod start;
pub(crate) mod targets;
#[cfg(test)]
mod tests;
mod trainer;
pub mod trial;
mod weights;

pub use class_weights::ClassWeights;
pub use config::{Activations, CostSearch, FeatureMap, Optimizer, TrainConfig, Validation};
pub use control::TrainControl;
pub use error::TrainError;
pub use history::{Epoch, History};
pub use loss::Loss;
pub use metrics::Metrics;
pub use ptq::PtqConfig;
pub use schedule::Schedule;
pub use select::SelectBy;
pub use trial::{Trial, Tried};
