//! `fheqat decrypt`: results, as CSV or JSON.

use std::path::PathBuf;

use fheqat::{MainError, fhe::EncryptedOutput};

use super::{
    answers,
    files::{self, Limits},
};

/// Decrypts results: classes and probabilities, labels, or numbers
///
/// Prints CSV, or with `--json` a line for each sample.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The client half of the model
    #[arg(long)]
    client: PathBuf,
    /// The client's secret key
    #[arg(long, default_value = "client.key")]
    key: PathBuf,
    /// The encrypted results
    output: PathBuf,
    /// Writes the results to this CSV file, and does not print them
    #[arg(long)]
    csv: Option<PathBuf>,
    #[command(flatten)]
    limits: Limits,
}

pub(crate) fn run(options: &Options, json: bool) -> Result<(), MainError> {
    let Options { client, key, output, csv, limits } = options;
    let client = limits.client(client, key)?;
    let (outputs, _) = limits.artifacts(output, EncryptedOutput::from_bytes)?;
    let results = client.decrypt_batch(&outputs).map_err(files::of_file(output))?;
    answers::show(&results, csv.as_deref(), json)
}
