//! What a client needs to reach a server: whose certificates it accepts, and its token.

use std::path::PathBuf;

use fheqat::MainError;
use fheqat_client::{Options, Service};

#[derive(clap::Args)]
pub(super) struct Trust {
    /// Certificates of authorities that sign the server's certificate, PEM, beside those of the system
    #[arg(long)]
    ca: Option<PathBuf>,
}

impl Trust {
    /// The certificates as text in PEM; empty where only the system's count.
    pub(super) fn certificates(&self) -> Result<Vec<u8>, MainError> {
        Ok(self.ca.as_ref().map(fheqat::file::load).transpose()?.unwrap_or_default())
    }
}

/// The token that was given, or else that in the environment variable `FHEQAT_TOKEN`.
pub(super) fn token(given: Option<&String>) -> Option<String> {
    given.cloned().or_else(|| std::env::var("FHEQAT_TOKEN").ok())
}

/// The service at an address.
pub(super) fn service(url: &str, certificates: Vec<u8>, token: Option<&str>) -> Result<Service, MainError> {
    let service = Service::with_options(url, Options { certificates, ..Options::default() })?;
    Ok(match token {
        Some(token) => service.with_token(token)?,
        None => service,
    })
}
