//! `fheqat new`: a crate that trains on a table and writes both halves of a model.

pub(super) mod folder;
pub(super) mod source;

use std::path::PathBuf;

use fheqat::{
    MainError, Seed,
    data::{
        DataError, Dataset, Targets,
        csv::{self, CsvError, CsvOptions, Target},
    },
};
use serde_json::json;

use super::{
    files::{self, Limits},
    table::{self, Columns, Format},
};
use folder::Folder;
use source::Source;

/// Writes a crate that trains on a CSV file, reports, and writes both halves of the model
///
/// Run it with `cargo run --release` in its folder. Its code is short and meant to be changed.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The name of the crate and of its folder
    name: String,
    /// The table, plain or gzip; it is copied into the crate
    #[arg(long)]
    csv: PathBuf,
    #[command(flatten)]
    columns: Columns,
    #[command(flatten)]
    format: Format,
    /// Seed of the split and of training
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A folder with fheqat's sources; by default cargo fetches its repository
    #[arg(long, value_name = "PATH")]
    fheqat: Option<PathBuf>,
    #[command(flatten)]
    limits: Limits,
}

pub(crate) fn run(options: &Options, json: bool) -> Result<(), MainError> {
    let Options { name, csv, columns, format, seed, fheqat, limits } = options;
    source::check_name(name)?;
    let folder = PathBuf::from(name);
    files::refuse_existing(&folder, "type another name, or remove it")?;
    let fheqat = fheqat.as_deref().map(source::check_sources).transpose()?;

    let bytes = limits.read(csv)?;
    let path = files::text(csv);
    let reading = columns.options(format, limits.most())?;
    let (data, reading) = read(&bytes, &path, reading).map_err(|error| table::of_training(&error))?;
    check_rows(&data, Seed(*seed)).map_err(|error| format!("`{path}`: {error}"))?;

    let file = csv.file_name().and_then(|name| name.to_str()).unwrap_or("table.csv");
    let source = Source { name, file, data: &data, reading: &reading, seed: *seed };
    let new = Folder::beside(&folder)?;
    new.write("Cargo.toml", source::manifest(name, fheqat.as_deref()).as_bytes())?;
    new.write("src/main.rs", source.main().as_bytes())?;
    new.write(".gitignore", b"/target\n*.key\n")?;
    new.write(&format!("data/{file}"), &bytes)?;
    new.become_folder(&folder)?;

    let text = if json {
        let line = json!({
            "crate": name,
            "rows": data.len(),
            "features": data.width(),
            "outputs": source::outputs(&data),
            "classes": data.class_names(),
        });
        format!("{line}\n")
    } else {
        let target = source::target(&reading.target);
        let kind = match data.targets() {
            Targets::Classes { classes, .. } => format!("{classes} classes"),
            Targets::Values(_) | Targets::Labels(_) => "numbers".to_owned(),
        };
        format!(
            "{name}: a crate that predicts {target}, {kind}, from {} features of {} rows\nnext: cd {name} && cargo run --release\n",
            data.width(),
            data.len()
        )
    };
    Ok(files::print(&text)?)
}

/// What is in the table, and how it was read: numbers that are too many for classes are predicted as numbers.
fn read(bytes: &[u8], path: &str, reading: CsvOptions) -> Result<(Dataset, CsvOptions), CsvError> {
    match (csv::parse(bytes, path, &reading), &reading.target) {
        (Err(CsvError::Regression { .. }), Target::Class(column)) => {
            let reading = CsvOptions { target: Target::Values(vec![column.clone()]), ..reading };
            Ok((csv::parse(bytes, path, &reading)?, reading))
        }
        (read, _) => read.map(|data| (data, reading)),
    }
}

/// Whether there are rows enough to hold some out.
fn check_rows(data: &Dataset, seed: Seed) -> Result<(), DataError> {
    data.parts([0.75, 0.25], seed).map(|_| ())
}
