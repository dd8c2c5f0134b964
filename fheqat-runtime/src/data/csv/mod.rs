//! Your own data from a file of comma-separated values, plain or gzip.
//!
//! ```
//! use fheqat_runtime::data::csv::{self, CsvOptions, Target};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("iris.csv");
//! std::fs::write(&path, "width,length,species\n0.2,1.4,setosa\n1.8,5.1,virginica\n")?;
//!
//! let data = csv::read(&path, &CsvOptions::default())?; // the last column is a class, the others are features
//! assert_eq!((data.len(), data.width()), (2, 2));
//! assert_eq!(data.class_names(), ["setosa", "virginica"]);
//!
//! let lengths = CsvOptions {
//!     target: Target::Values(vec!["length".into()]),
//!     ignore: vec!["species".into()],
//!     ..CsvOptions::default()
//! };
//! let data = csv::read(&path, &lengths)?; // numbers to predict
//! assert_eq!(data.width(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod options;
mod table;
#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use ::csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};

pub use error::CsvError;
pub use options::{Column, CsvOptions, Target};

use super::{DataError, Dataset, unpack::plain};
use crate::file::FileError;
use table::Table;

/// Reads a file, plain or gzip.
///
/// # Errors
/// Names the file and, where a cell is wrong, its line and column.
pub fn read(path: impl AsRef<Path>, options: &CsvOptions) -> Result<Dataset, CsvError> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|source| FileError::new("read", path, source))?;
    parse(BufReader::new(file), &path.display().to_string(), options)
}

/// Reads bytes, plain or gzip; errors call them `name`.
///
/// # Errors
/// As [`read`].
pub fn parse(source: impl Read, name: &str, options: &CsvOptions) -> Result<Dataset, CsvError> {
    let failed = |source| FileError::new("read", Path::new(name), source);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .delimiter(options.delimiter)
        .from_reader(plain(source).map_err(failed)?);
    let mut record = StringRecord::new();
    let mut table: Option<Table<'_>> = None;
    while next(&mut reader, &mut record, name)? {
        let line = record.position().map_or(0, ::csv::Position::line);
        match &mut table {
            Some(table) => table.push(&record, line)?,
            None => table = Some(Table::new(name, options, &record, line)?),
        }
    }
    match table {
        Some(table) => table.finish(),
        None => {
            Err(CsvError::Data { file: name.to_owned(), error: DataError::Empty { rows: 0, columns: 0 } })
        }
    }
}

fn next(
    reader: &mut ::csv::Reader<impl Read>,
    record: &mut StringRecord,
    name: &str,
) -> Result<bool, CsvError> {
    reader.read_record(record).map_err(|error| match error.into_kind() {
        ErrorKind::Utf8 { pos, .. } => {
            CsvError::Text { file: name.to_owned(), line: pos.map_or(0, |position| position.line()) }
        }
        ErrorKind::Io(source) => FileError::new("read", Path::new(name), source).into(),
        kind => FileError::new("read", Path::new(name), io::Error::other(format!("{kind:?}"))).into(),
    })
}
