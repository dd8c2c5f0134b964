//! Whose certificates a client accepts.

use std::path::PathBuf;

use fheqat::MainError;

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
