//! `fheqat encrypt`: samples of a CSV file, or one on the command line.

use std::path::PathBuf;

use fheqat::{
    MainError,
    data::{Feature, csv},
};
use fheqat_client::frames;
use serde_json::json;

use super::{
    files::{self, Limits},
    table::{self, Format},
};

/// Encrypts the samples of a CSV file, or one sample on the command line
///
/// Columns are found by the names that the model was trained on; others, such as the target, are left out.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("samples").args(["csv", "values"]).required(true))]
pub(crate) struct Options {
    /// The client half of the model
    #[arg(long)]
    client: PathBuf,
    /// The client's secret key
    #[arg(long, default_value = "client.key")]
    key: PathBuf,
    /// A table of samples, plain or gzip
    #[arg(long)]
    csv: Option<PathBuf>,
    /// The features of one sample, in the model's order; an empty one is missing
    #[arg(allow_negative_numbers = true)]
    values: Vec<String>,
    /// Where the encrypted samples go: each as its length in four bytes, least significant first, and a file
    #[arg(long)]
    output: PathBuf,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    limits: Limits,
}

/// Samples as text, and where each stands.
struct Samples {
    cells: Vec<Vec<String>>,
    places: Vec<String>,
    /// Columns that the model does not read.
    others: Vec<String>,
}

pub(crate) fn run(options: &Options, json: bool) -> Result<(), MainError> {
    let Options { client, key, output, limits, .. } = options;
    let client = limits.client(client, key)?;
    let Samples { cells, places, others } = samples(options, &client.half().codec().described)?;
    let encrypt = |(cells, place): (&Vec<String>, &String)| {
        let input = client.encrypt_text(cells).map_err(|error| format!("{place}{error}"))?;
        Ok(input.to_bytes())
    };
    let inputs = cells.iter().zip(&places).map(encrypt).collect::<Result<Vec<_>, MainError>>()?;
    let bytes = frames::join(&inputs);
    files::save(output, &bytes)?;
    let (samples, model, key) = (inputs.len(), client.half().model(), client.id());
    let text = if json {
        let line = json!({
            "output": files::text(output),
            "samples": samples,
            "bytes": bytes.len(),
            "model": model.to_string(),
            "key_id": key.to_string(),
            "left_out": others,
        });
        format!("{line}\n")
    } else {
        let left_out = if others.is_empty() {
            String::new()
        } else {
            format!("left out: `{}`, which the model does not read\n", others.join("`, `"))
        };
        format!("{left_out}{}: {samples} encrypted samples, {} bytes\n", output.display(), bytes.len())
    };
    Ok(files::print(&text)?)
}

fn samples(options: &Options, features: &[Feature]) -> Result<Samples, MainError> {
    let Options { csv, values, format, limits, .. } = options;
    let Some(path) = csv else {
        if values.len() != features.len() {
            let names: Vec<&str> = features.iter().map(|feature| feature.name.as_str()).collect();
            let (found, expected, names) = (values.len(), features.len(), names.join("`, `"));
            return Err(format!(
                "{found} values are given, but the model reads {expected}: type one for each of `{names}`"
            )
            .into());
        }
        return Ok(Samples { cells: vec![values.clone()], places: vec![String::new()], others: Vec::new() });
    };
    let (name, bytes) = (files::text(path), limits.read(path)?);
    let cells = csv::parse_cells(&bytes[..], &name, features, &format.options(limits.most()))
        .map_err(|error| table::of_samples(&error))?;
    let places = cells.lines.iter().map(|line| format!("`{name}`, line {line}: ")).collect();
    Ok(Samples { cells: cells.samples, places, others: cells.others })
}
