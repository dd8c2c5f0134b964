#![doc = include_str!("../README.md")]

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
