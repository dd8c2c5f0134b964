//! `fheqat encrypt`: samples of a CSV file, or one on the command line.

use std::path::PathBuf;

use fheqat::MainError;
use fheqat_client::frames;
use serde_json::json;

use super::{
    files,
    samples::{Samples, Source},
};

/// Encrypts the samples of a CSV file, or one sample on the command line
///
/// Columns are found by the names that the model was trained on; others, such as the target, are left out.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The client half of the model
    #[arg(long)]
    client: PathBuf,
    /// The client's secret key
    #[arg(long, default_value = "client.key")]
    key: PathBuf,
    /// The file of encrypted samples to write: for each its length in four bytes, least significant first, and its bytes
    #[arg(long)]
    output: PathBuf,
    #[command(flatten)]
    source: Source,
}

pub(crate) fn run(options: &Options, json: bool) -> Result<(), MainError> {
    let Options { client, key, output, source } = options;
    let client = source.limits.client(client, key)?;
    let samples = source.samples(&client.half().codec().described)?;
    let Samples { cells, places, others } = &samples;
    let encrypt = |(cells, place): (&Vec<String>, &String)| {
        let input = client.encrypt_text(cells).map_err(files::at(place.as_str()))?;
        Ok(input.to_bytes())
    };
    let inputs = cells.iter().zip(places).map(encrypt).collect::<Result<Vec<_>, MainError>>()?;
    let bytes = frames::join(&inputs);
    files::save(output, &bytes)?;
    let (count, model, key) = (inputs.len(), client.half().model(), client.id());
    let text = if json {
        let line = json!({
            "output": files::text(output),
            "samples": count,
            "bytes": bytes.len(),
            "model": model.to_string(),
            "key_id": key.to_string(),
            "left_out": others,
        });
        format!("{line}\n")
    } else {
        let left_out = samples.left_out();
        format!("{left_out}{}: {count} encrypted samples, {} bytes\n", output.display(), bytes.len())
    };
    Ok(files::print(&text)?)
}
