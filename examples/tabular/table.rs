//! A table from a file: as a data set, and as the text that stands in it.

use clap::Args;
use fheqat::{
    data::{
        DataError, Feature, FeatureKind, Targets,
        csv::{self as table, Column, CsvError, CsvOptions, Target},
    },
    ndarray::{Array2, Axis, concatenate},
    prelude::*,
};

/// How the columns are called that make a table as wide as a network.
const FILLER: &str = "column of zeros";

/// How a file is read; without any of these as the library reads it by default.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// The column to predict, several times for several numbers; the last by default
    #[arg(long, global = true)]
    target: Vec<String>,
    /// The target is a number, not a class
    #[arg(long, global = true)]
    values: bool,
    /// A column that is neither feature nor target
    #[arg(long, global = true)]
    ignore: Vec<String>,
    /// A column of categories that are written as numbers
    #[arg(long, global = true)]
    category: Vec<String>,
    /// What stands between two cells, where it is not found
    #[arg(long, global = true)]
    delimiter: Option<char>,
    /// Numbers have a decimal comma
    #[arg(long, global = true)]
    decimal_comma: bool,
    /// The first line is a sample; columns are named by their number, from 0
    #[arg(long, global = true)]
    no_header: bool,
}

/// What a file has.
pub(crate) struct Table {
    /// Its samples.
    pub(crate) data: Dataset,
    /// Of each sample the cells of its features, as they stand in the file.
    pub(crate) cells: Vec<Vec<String>>,
}

impl Table {
    /// # Errors
    /// When the file cannot be read, or has no table.
    pub(crate) fn read(file: &str, options: &Options) -> Result<Self, MainError> {
        let named: Vec<Column> = options.target.iter().map(|name| options.column(name)).collect();
        let targets = if named.is_empty() { vec![Column::Last] } else { named };
        let mut reading = options.reading()?;
        reading.target = match targets.as_slice() {
            [column] if !options.values => Target::Class(column.clone()),
            _ => Target::Values(targets.clone()),
        };
        let data = match table::read(file, &reading) {
            // Too many numbers for classes, so they are to be predicted as numbers.
            Err(CsvError::Regression { .. }) => {
                table::read(file, &CsvOptions { target: Target::Values(targets), ..reading })
            }
            read => read,
        }?;
        let cells = options.cells(file, data.described())?;
        if cells.len() != data.len() {
            return Err("the samples of the file are not found in its text again".into());
        }
        Ok(Self { data, cells })
    }

    /// The rows to train on, and a quarter, of each class alike, that are held out.
    ///
    /// # Errors
    /// When there are too few rows.
    pub(crate) fn split(&self, seed: Seed) -> Result<[Vec<usize>; 2], DataError> {
        let numbers = Array2::from_shape_fn((self.data.len(), 1), |(row, _)| row as f32);
        let parts = with_features(&self.data, numbers)?.parts([0.75, 0.25], seed)?;
        Ok(parts.map(|part| part.features().iter().map(|&row| row as usize).collect()))
    }

    /// The same with columns of zeros behind the others, up to `width` features.
    ///
    /// # Errors
    /// When a column of the file has the name of one of these.
    pub(crate) fn widened(mut self, width: usize) -> Result<Self, DataError> {
        let more = width.saturating_sub(self.data.width());
        let zeros = Array2::zeros((self.data.len(), more));
        let mut described = self.data.described().to_vec();
        let names = (1..=more).map(|index| format!("{FILLER} {index}"));
        described.extend(names.map(|name| Feature { name, kind: FeatureKind::Number }));
        let features = concatenate(Axis(1), &[self.data.features(), zeros.view()]).unwrap_or_default();
        self.data = with_features(&self.data, features)?.with_features(described)?;
        for cells in &mut self.cells {
            cells.resize(width.max(cells.len()), "0".to_owned());
        }
        Ok(self)
    }
}

impl Options {
    fn column(&self, name: &str) -> Column {
        match name.parse() {
            Ok(index) if self.no_header => Column::Index(index),
            _ => name.into(),
        }
    }

    /// How the library reads the file, but for the target.
    fn reading(&self) -> Result<CsvOptions, MainError> {
        let columns = |names: &[String]| names.iter().map(|name| self.column(name)).collect();
        Ok(CsvOptions {
            header: !self.no_header,
            ignore: columns(&self.ignore),
            categories: columns(&self.category),
            delimiter: self.delimiter.map(u8::try_from).transpose()?,
            decimal_comma: self.decimal_comma,
            ..CsvOptions::default()
        })
    }

    /// Of each sample of a file the cells of these features as text; a column that only makes a table wider is `0`.
    ///
    /// # Errors
    /// When the file cannot be read, or a feature is not among its columns.
    pub(crate) fn cells(&self, file: &str, described: &[Feature]) -> Result<Vec<Vec<String>>, MainError> {
        let (fillers, features): (Vec<Feature>, Vec<Feature>) =
            described.iter().cloned().partition(|feature| feature.name.starts_with(FILLER));
        let mut samples = table::cells(file, &features, &self.reading()?)?.samples;
        for cells in &mut samples {
            cells.extend(fillers.iter().map(|_| "0".to_owned()));
        }
        Ok(samples)
    }
}

/// The targets of `data` with other features.
fn with_features(data: &Dataset, features: Array2<f32>) -> Result<Dataset, DataError> {
    match data.targets() {
        Targets::Classes { labels, classes } => {
            Dataset::classes_with_missing(features, labels.clone(), *classes)?
                .with_class_names(data.class_names().to_vec())
        }
        Targets::Values(values) => Dataset::values_with_missing(features, values.clone()),
        Targets::Labels(labels) => Dataset::multi_label_with_missing(features, labels.clone())?
            .with_class_names(data.class_names().to_vec()),
    }
}
