//! A table from a file: as a data set, and as the text that stands in it.

use std::{fs, io::Read};

use clap::Args;
use csv::{ReaderBuilder, StringRecord, Trim};
use fheqat::{
    data::{
        DataError, Feature, FeatureKind, Targets,
        csv::{self as table, Column, CsvError, CsvOptions, Target},
    },
    ndarray::{Array2, Axis, concatenate},
    prelude::*,
};
use flate2::read::MultiGzDecoder;

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
        let columns = |names: &[String]| names.iter().map(|name| options.column(name)).collect::<Vec<_>>();
        let targets = if options.target.is_empty() { vec![Column::Last] } else { columns(&options.target) };
        let delimiter = options.delimiter.map(u8::try_from).transpose()?;
        let mut reading = CsvOptions {
            header: !options.no_header,
            ignore: columns(&options.ignore),
            categories: columns(&options.category),
            delimiter,
            decimal_comma: options.decimal_comma,
            ..CsvOptions::default()
        };
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

    /// Of each sample of a file the cells of these features, as they stand there; a column that only makes a table wider is `0`.
    ///
    /// # Errors
    /// When the file cannot be read, or a feature is not among its columns.
    pub(crate) fn cells(&self, file: &str, described: &[Feature]) -> Result<Vec<Vec<String>>, MainError> {
        let text = text(file)?;
        let delimiter = self.delimiter.map(u8::try_from).transpose()?;
        let delimiters = delimiter.map_or_else(|| b",;\t".to_vec(), |delimiter| vec![delimiter]);
        let mut found =
            delimiters.iter().filter_map(|&delimiter| self.cells_apart_by(delimiter, &text, described));
        let names = || described.iter().map(|feature| feature.name.as_str()).collect::<Vec<_>>().join("`, `");
        Ok(found.next().ok_or_else(|| format!("`{file}` has not all of the columns `{}`", names()))?)
    }

    /// The same of a text where cells stand apart by `delimiter`; `None` where they do not.
    fn cells_apart_by(&self, delimiter: u8, text: &str, described: &[Feature]) -> Option<Vec<Vec<String>>> {
        let mut reader = ReaderBuilder::new();
        reader.has_headers(false).flexible(true).trim(Trim::All).delimiter(delimiter);
        let records =
            reader.from_reader(text.as_bytes()).into_records().collect::<Result<Vec<_>, _>>().ok()?;
        let is_empty = |record: &StringRecord| record.iter().eq([""]);
        let mut records = records.into_iter().filter(|record| !is_empty(record));
        let header = if self.no_header { None } else { Some(records.next()?) };
        let place = |feature: &Feature| match &header {
            _ if feature.name.starts_with(FILLER) => Some(None),
            Some(header) => header.iter().position(|name| name == feature.name).map(Some),
            None => feature.name.parse().ok().map(Some),
        };
        let places = described.iter().map(place).collect::<Option<Vec<Option<usize>>>>()?;
        let cell = |record: &StringRecord, (place, feature): (Option<usize>, &Feature)| {
            let cell = place.map_or(Some("0"), |place| record.get(place))?;
            let is_number = feature.kind == FeatureKind::Number;
            Some(if self.decimal_comma && is_number { cell.replace(',', ".") } else { cell.to_owned() })
        };
        let of_record = |record: StringRecord| {
            places.iter().copied().zip(described).map(|each| cell(&record, each)).collect()
        };
        records.map(of_record).collect()
    }
}

/// The text of a file, plain or gzip, without a byte order mark.
fn text(file: &str) -> Result<String, MainError> {
    let mut bytes = fs::read(file)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let packed = std::mem::take(&mut bytes);
        MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut bytes)?;
    }
    let text = String::from_utf8(bytes)?;
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
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
