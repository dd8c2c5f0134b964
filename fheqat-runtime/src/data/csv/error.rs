use thiserror::Error;

use super::Column;
use crate::{data::DataError, file::FileError};

/// A file that gives no data.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CsvError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its bytes are no text.
    #[error("`{file}`, line {line} is not UTF-8: save the file as UTF-8")]
    Text {
        /// The file.
        file: String,
        /// From 1.
        line: u64,
    },
    /// A line of another length.
    #[error(
        "`{file}`, line {line} has {found} cells, but line {first} has {expected}: give every line as many, and check the delimiter"
    )]
    Width {
        /// The file.
        file: String,
        /// From 1.
        line: u64,
        /// Its cells.
        found: usize,
        /// The first line with cells.
        first: u64,
        /// The cells of that.
        expected: usize,
    },
    /// A first line that names nothing.
    #[error("`{file}`, line {line} should name the columns, but has numbers only: set `header: false`")]
    Header {
        /// The file.
        file: String,
        /// From 1.
        line: u64,
    },
    /// A column that is not there, or twice.
    #[error("`{file}` has {problem} {column}: its columns are {columns}")]
    Column {
        /// The file.
        file: String,
        /// `no` or `more than one`.
        problem: &'static str,
        /// What was asked for.
        column: Column,
        /// What there is.
        columns: String,
    },
    /// A cell with nothing in it.
    #[error("`{file}`, line {line}, {column} is empty: fill it in, remove the line, or `ignore` the column")]
    Empty {
        /// The file.
        file: String,
        /// From 1.
        line: u64,
        /// The cell's column.
        column: Column,
    },
    /// A cell that should be a number.
    #[error(
        "`{file}`, line {line}, {column} has `{cell}`, which is no finite number: correct it, remove the line, or `ignore` the column{hint}"
    )]
    Number {
        /// The file.
        file: String,
        /// From 1.
        line: u64,
        /// The cell's column.
        column: Column,
        /// What is there.
        cell: String,
        /// What else may be meant.
        hint: &'static str,
    },
    /// A class that is none of those given.
    #[error(
        "`{file}`, line {line}, {column} has class `{cell}`, which is none of {classes:?}: add it to `classes`, or remove the line"
    )]
    Class {
        /// The file.
        file: String,
        /// From 1.
        line: u64,
        /// The cell's column.
        column: Column,
        /// What is there.
        cell: String,
        /// The classes there are.
        classes: Vec<String>,
    },
    /// No samples, or no features.
    #[error("`{file}`: {error}")]
    Data {
        /// The file.
        file: String,
        /// What is wrong.
        error: DataError,
    },
}
