use thiserror::Error;

use super::Column;
use crate::{
    data::{DataError, LARGEST},
    file::FileError,
};

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
    #[error("`{file}`, line {line} should name the columns, but reads like a sample: set `header: false`")]
    Header {
        /// The file.
        file: String,
        /// From 1.
        line: u64,
    },
    /// Two columns of one name.
    #[error("`{file}`, line {line} names two columns `{name}`: give each a name of its own")]
    Twice {
        /// The file.
        file: String,
        /// From 1.
        line: u64,
        /// Their name.
        name: String,
    },
    /// A column that is not there.
    #[error("`{file}` has no {column}: its columns are {columns}")]
    Column {
        /// The file.
        file: String,
        /// What was asked for.
        column: Column,
        /// What there is.
        columns: String,
    },
    /// Cells that may stand apart by more than one of the usual bytes.
    #[error("`{file}` may be delimited by {candidates}: set `delimiter`")]
    Delimiter {
        /// The file.
        file: String,
        /// What they may stand apart by.
        candidates: String,
    },
    /// Cells that stand apart by none of the usual bytes.
    #[error(
        "`{file}` has one column only where cells stand apart by `,`, `;` or tabs: set `delimiter` to what they do"
    )]
    OneColumn {
        /// The file.
        file: String,
    },
    /// A cell with nothing in it.
    #[error("`{file}`, line {line}, {column} is missing (`{cell}`): {mend}")]
    Missing {
        /// The file.
        file: String,
        /// From 1.
        line: u64,
        /// The cell's column.
        column: Column,
        /// What is there.
        cell: String,
        /// What to do.
        mend: &'static str,
    },
    /// A cell that should be a number.
    #[error("`{file}`, line {line}, {column} has `{cell}`, which is no number: {mend}")]
    Number {
        /// The file.
        file: String,
        /// From 1.
        line: u64,
        /// The cell's column.
        column: Column,
        /// What is there.
        cell: String,
        /// What to do.
        mend: &'static str,
    },
    /// A number that training cannot square.
    #[error(
        "`{file}`, line {line}, {column} has `{cell}`, which is beyond {LARGEST:e}: give the column in a larger unit, or `ignore` it"
    )]
    Huge {
        /// The file.
        file: String,
        /// From 1.
        line: u64,
        /// The cell's column.
        column: Column,
        /// What is there.
        cell: String,
    },
    /// A cell of a label that is neither there nor not.
    #[error(
        "`{file}`, line {line}, {column} has `{cell}`: give 1 or `true` where the label holds, else 0 or `false`"
    )]
    Label {
        /// The file.
        file: String,
        /// From 1.
        line: u64,
        /// The cell's column.
        column: Column,
        /// What is there.
        cell: String,
    },
    /// A feature of dates or times.
    #[error(
        "`{file}`, {column} has dates or times such as `{cell}`: `ignore` it, or turn it into numbers, such as days since the first"
    )]
    Date {
        /// The file.
        file: String,
        /// The column.
        column: Column,
        /// One of them.
        cell: String,
    },
    /// A feature of names with too many to be categories.
    #[error(
        "`{file}`, {column} has {names} different names in {rows} samples, such as `{cell}`, too many to learn from: `ignore` it, or list it in `categories`"
    )]
    Names {
        /// The file.
        file: String,
        /// The column.
        column: Column,
        /// Different names.
        names: usize,
        /// Samples.
        rows: usize,
        /// One of them.
        cell: String,
    },
    /// A feature without a value.
    #[error("`{file}`, {column} is missing in every line: `ignore` it")]
    Nothing {
        /// The file.
        file: String,
        /// The column.
        column: Column,
    },
    /// Numbers to predict that are read as classes.
    #[error(
        "`{file}`, {column} has {classes} different numbers in {rows} samples, too many for classes: set `target: Target::Values` with this column, or give `classes` if they are"
    )]
    Regression {
        /// The file.
        file: String,
        /// The target's column.
        column: Column,
        /// Different numbers.
        classes: usize,
        /// Samples.
        rows: usize,
    },
    /// Samples of one class.
    #[error(
        "`{file}`, {column} is `{class}` in every line, so there is nothing to tell apart: set `target` to another column, or give `classes`"
    )]
    OneClass {
        /// The file.
        file: String,
        /// The target's column.
        column: Column,
        /// The class.
        class: String,
    },
    /// One sample only.
    #[error(
        "`{file}` has one sample, which is too few to learn from: give more, or the `features` of the file that was trained on"
    )]
    OneSample {
        /// The file.
        file: String,
    },
    /// More bytes than may be unpacked.
    #[error("`{file}` unpacks to more than {most} bytes: if it should, set `max_unpacked` to more")]
    Unpacked {
        /// The file.
        file: String,
        /// Bytes that it may unpack to.
        most: u64,
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
