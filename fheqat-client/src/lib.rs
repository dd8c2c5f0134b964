//! A client of fheqat's prediction service.
//!
//! [`RemoteModel`] is the short way: it fetches a model's client half, keeps keys in a folder, encrypts samples, has the service run
//! them, and decrypts the results.
//!
//! ```no_run
//! use fheqat_client::RemoteModel;
//!
//! # async fn predict() -> Result<(), fheqat_client::Error> {
//! let model = RemoteModel::connect("https://host:8443", Some("token"), "iris", "keys").await?;
//! for prediction in model.predict(&[[5.1, 3.5, 1.4, 0.2]]).await? {
//!     println!("{:?} {:?}", prediction.class_name(), prediction.predict_proba());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`Service`] has the single steps. Nothing that a service answers is trusted: sizes are bounded, artefacts are read by their
//! checking readers, and a result must name the model and the key of its input.

mod error;
pub mod frames;
mod keys;
mod options;
mod remote;
mod retry;
mod run;
mod service;
mod transport;
mod upload;
pub mod wire;

pub use error::Error;
pub use keys::KeyFolder;
pub use options::Options;
pub use remote::RemoteModel;
pub use service::{Service, Version};
