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

mod cell;
mod cells;
mod delimiter;
mod error;
mod feature;
mod lines;
mod options;
mod table;
mod targets;
#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read},
    path::Path,
};

use ::csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};

pub use cells::{Cells, cells, parse_cells};
pub use error::CsvError;
pub(crate) use options::MISSING_MARKS;
pub use options::{Column, CsvOptions, Missing, Target};

use super::{
    DataError, Dataset,
    unpack::{plain, too_much},
};
use crate::file::FileError;
use lines::Lines;
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
    let mut table: Option<Table<'_>> = None;
    each_record(source, name, options, delimiter::find, |record, line| {
        if let Some(table) = &mut table {
            return table.push(record, line);
        }
        table = Some(Table::new(name, options, record, line)?);
        Ok(())
    })?;
    table.map_or_else(|| Err(is_empty(name)), Table::finish)
}

/// Calls `take` with each line that has cells, and its number.
fn each_record(
    source: impl Read,
    name: &str,
    options: &CsvOptions,
    find: impl FnOnce(&[u8], &str) -> Result<u8, CsvError>,
    mut take: impl FnMut(&StringRecord, u64) -> Result<(), CsvError>,
) -> Result<(), CsvError> {
    let failed = |error| unreadable(error, name);
    let mut source = Lines::new(plain(source, options.max_unpacked).map_err(failed)?);
    let mut head = Vec::new();
    source.by_ref().take(delimiter::HEAD).read_to_end(&mut head).map_err(failed)?;
    let delimiter = match options.delimiter {
        Some(delimiter) => delimiter,
        None => find(&head, name)?,
    };
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .delimiter(delimiter)
        .from_reader(Cursor::new(head).chain(source));
    let mut record = StringRecord::new();
    while next(&mut reader, &mut record, name)? {
        if record.len() == 1 && record[0].is_empty() {
            continue;
        }
        // Behind the record, which ends with a line.
        let within = record.as_slice().bytes().filter(|byte| *byte == b'\n').count() as u64;
        take(&record, reader.position().line().saturating_sub(1 + within))?;
    }
    Ok(())
}

fn is_empty(name: &str) -> CsvError {
    CsvError::Data { file: name.to_owned(), error: DataError::Empty { rows: 0, columns: 0 } }
}

fn next(
    reader: &mut ::csv::Reader<impl Read>,
    record: &mut StringRecord,
    name: &str,
) -> Result<bool, CsvError> {
    let read = reader.read_record(record);
    read.map_err(|error| match error.into_kind() {
        ErrorKind::Utf8 { .. } => {
            CsvError::Text { file: name.to_owned(), line: reader.position().line().saturating_sub(1) }
        }
        ErrorKind::Io(error) => unreadable(error, name),
        kind => unreadable(io::Error::other(format!("{kind:?}")), name),
    })
}

fn unreadable(error: io::Error, name: &str) -> CsvError {
    match too_much(&error) {
        Some(most) => CsvError::Unpacked { file: name.to_owned(), most },
        None => FileError::new("read", Path::new(name), error).into(),
    }
}
