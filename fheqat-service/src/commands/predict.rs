//! `fheqat predict`: encrypted predictions of a service.

use std::path::PathBuf;

use fheqat::MainError;
use fheqat_client::{KeyFolder, RemoteModel, Version};

use super::{
    answers, files,
    samples::Source,
    trust::{self, Trust},
};

/// Asks a service for predictions: encrypts samples, sends them, and decrypts the results
///
/// Fetches the model's client half, and makes keys at the first use. Prints CSV, or with `--json` a line for each sample.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The address of the service
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The name of the model
    #[arg(long)]
    model: String,
    /// Its version; the latest by default
    #[arg(long)]
    version: Option<u32>,
    /// A token of the service. By default that in the environment variable `FHEQAT_TOKEN`, which other users of the machine cannot see
    #[arg(long)]
    token: Option<String>,
    /// The folder of this client's keys, made if it is not there
    #[arg(long, default_value = "keys")]
    keys: PathBuf,
    /// Writes the results to this CSV file, and does not print them
    #[arg(long)]
    output: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    source: Source,
}

pub(crate) fn run(options: &Options, json: bool) -> Result<(), MainError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(predict(options, json))
}

async fn predict(options: &Options, json: bool) -> Result<(), MainError> {
    let Options { url, model, version, token, keys, output, trust, source } = options;
    let token = trust::token(token.as_ref());
    let service = trust::service(url, trust.certificates()?, token.as_deref())?;
    let version = version.map_or(Version::Latest, Version::Number);
    let model = RemoteModel::open(service, model, version, KeyFolder::new(keys)).await?;
    let codec = model.half().codec();
    let read = source.samples(&codec.described)?;
    eprint!("{}", read.left_out());
    let parse = |(cells, place): (&Vec<String>, &String)| {
        Ok(codec.parse(cells).map_err(files::at(place.as_str()))?)
    };
    let samples = read.cells.iter().zip(&read.places).map(parse).collect::<Result<Vec<_>, MainError>>()?;
    let results = model.predict(&samples).await?;
    answers::show(&results, output.as_deref(), json)
}
