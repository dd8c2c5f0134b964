//! Samples that a command is given: a CSV file, or the features of one.

use std::path::PathBuf;

use fheqat::{
    MainError,
    data::{Feature, csv},
};

use super::{
    files::{self, Limits},
    table::{self, Format},
};

/// Where samples come from.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("samples").args(["csv", "values"]).required(true))]
pub(crate) struct Source {
    /// A table of samples, plain or gzip
    #[arg(long)]
    csv: Option<PathBuf>,
    /// The features of one sample, in the model's order; an empty one is missing
    #[arg(allow_negative_numbers = true)]
    values: Vec<String>,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// Samples as text, and where each stands.
pub(crate) struct Samples {
    pub(crate) cells: Vec<Vec<String>>,
    pub(crate) places: Vec<String>,
    /// Columns that the model does not read.
    pub(crate) others: Vec<String>,
}

impl Source {
    /// The samples of a model with these features.
    pub(crate) fn samples(&self, features: &[Feature]) -> Result<Samples, MainError> {
        let Self { csv, values, format, limits } = self;
        let Some(path) = csv else {
            if values.len() != features.len() {
                let names: Vec<&str> = features.iter().map(|feature| feature.name.as_str()).collect();
                let (found, expected, names) = (values.len(), features.len(), names.join("`, `"));
                return Err(format!(
                    "{found} values are given, but the model reads {expected}: type one for each of `{names}`"
                )
                .into());
            }
            return Ok(Samples {
                cells: vec![values.clone()],
                places: vec![String::new()],
                others: Vec::new(),
            });
        };
        let (name, bytes) = (files::text(path), limits.read(path)?);
        let cells = csv::parse_cells(&bytes[..], &name, features, &format.options(limits.most()))
            .map_err(|error| table::of_samples(&error))?;
        let places = cells.lines.iter().map(|line| format!("`{name}`, line {line}: ")).collect();
        Ok(Samples { cells: cells.samples, places, others: cells.others })
    }
}

impl Samples {
    /// Says which columns are left out, where any are.
    pub(crate) fn left_out(&self) -> String {
        if self.others.is_empty() {
            String::new()
        } else {
            format!("left out: `{}`, which the model does not read\n", self.others.join("`, `"))
        }
    }
}
