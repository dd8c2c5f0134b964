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

use std::{
    collections::HashMap,
    fmt,
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use ::csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};
use ndarray::Array2;
use thiserror::Error;

use super::{DataError, Dataset, unpack::plain};
use crate::file::FileError;

/// What the columns of a file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvOptions {
    /// Whether the first line names the columns. Default: true.
    pub header: bool,
    /// What is to be predicted. Default: a class, in the last column.
    pub target: Target,
    /// Columns that are neither target nor feature; every other one is a feature, in the file's order. Default: none.
    pub ignore: Vec<Column>,
    /// The names of the classes in their order, as a second file needs them that may not have every class
    /// ([`Dataset::class_names`]). Without them, as by default, they are what the file has: numbers by size, names by alphabet.
    pub classes: Vec<String>,
    /// What stands between two cells, one byte. Default: `b','`.
    pub delimiter: u8,
}

/// What a network is to predict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The class of each sample: an integer or a name.
    Class(Column),
    /// Numbers of each sample.
    Values(Vec<Column>),
}

/// One column of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// The last.
    Last,
    /// By its index, from 0.
    Index(usize),
    /// By its name in the first line.
    Name(String),
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            header: true,
            target: Target::Class(Column::Last),
            ignore: Vec::new(),
            classes: Vec::new(),
            delimiter: b',',
        }
    }
}

impl From<&str> for Column {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<usize> for Column {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last => f.write_str("the last column"),
            Self::Index(index) => write!(f, "column {index} (from 0)"),
            Self::Name(name) => write!(f, "column `{name}`"),
        }
    }
}

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

/// The lines read so far.
struct Table<'a> {
    file: &'a str,
    names: Option<Vec<String>>,
    width: usize,
    first: u64,
    feature_columns: Vec<usize>,
    target_columns: Vec<usize>,
    features: Vec<f32>,
    targets: Cells,
}

/// The targets read so far.
enum Cells {
    /// An index into the classes for each sample; `is_open` where the file says which there are.
    Classes {
        labels: Vec<usize>,
        classes: Vec<String>,
        index: HashMap<String, usize>,
        is_open: bool,
    },
    Values(Vec<f32>),
}

impl<'a> Table<'a> {
    fn new(file: &'a str, options: &CsvOptions, record: &StringRecord, line: u64) -> Result<Self, CsvError> {
        if options.header && record.iter().all(|cell| number(cell).is_some()) {
            return Err(CsvError::Header { file: file.to_owned(), line });
        }
        let targets = match options.target {
            Target::Class(_) => {
                let classes = options.classes.clone();
                let index = classes.iter().cloned().zip(0..).collect();
                Cells::Classes { labels: Vec::new(), is_open: classes.is_empty(), classes, index }
            }
            Target::Values(_) => Cells::Values(Vec::new()),
        };
        let mut table = Self {
            file,
            names: options.header.then(|| record.iter().map(str::to_owned).collect()),
            width: record.len(),
            first: line,
            feature_columns: Vec::new(),
            target_columns: Vec::new(),
            features: Vec::new(),
            targets,
        };
        let find = |column| table.find(column);
        let target_columns = match &options.target {
            Target::Class(column) => vec![find(column)?],
            Target::Values(columns) => columns.iter().map(find).collect::<Result<_, _>>()?,
        };
        let ignored = options.ignore.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        table.feature_columns = (0..table.width)
            .filter(|column| !target_columns.contains(column) && !ignored.contains(column))
            .collect();
        table.target_columns = target_columns;
        if !options.header {
            table.push(record, line)?;
        }
        Ok(table)
    }

    fn find(&self, column: &Column) -> Result<usize, CsvError> {
        let mut found = (0..self.width).filter(|&index| match column {
            Column::Last => index + 1 == self.width,
            Column::Index(wanted) => index == *wanted,
            Column::Name(wanted) => self.names.as_ref().is_some_and(|names| names[index] == *wanted),
        });
        let problem = match (found.next(), found.next()) {
            (Some(index), None) => return Ok(index),
            (None, _) => "no",
            (Some(_), Some(_)) => "more than one",
        };
        let columns = match &self.names {
            Some(names) => format!("`{}`", names.join("`, `")),
            None => format!("0 to {}, without names", self.width.saturating_sub(1)),
        };
        Err(CsvError::Column { file: self.file.to_owned(), problem, column: column.clone(), columns })
    }

    fn push(&mut self, record: &StringRecord, line: u64) -> Result<(), CsvError> {
        if record.len() != self.width {
            return Err(CsvError::Width {
                file: self.file.to_owned(),
                line,
                found: record.len(),
                first: self.first,
                expected: self.width,
            });
        }
        for index in 0..self.feature_columns.len() {
            let feature = self.number(record, line, self.feature_columns[index])?;
            self.features.push(feature);
        }
        for index in 0..self.target_columns.len() {
            let column = self.target_columns[index];
            match self.targets {
                Cells::Classes { .. } => self.push_class(record, line, column)?,
                Cells::Values(_) => {
                    let value = self.number(record, line, column)?;
                    if let Cells::Values(values) = &mut self.targets {
                        values.push(value);
                    }
                }
            }
        }
        Ok(())
    }

    fn push_class(&mut self, record: &StringRecord, line: u64, column: usize) -> Result<(), CsvError> {
        let cell = self.cell(record, line, column)?.to_owned();
        let place = self.column(column);
        let Cells::Classes { labels, classes, index, is_open } = &mut self.targets else { return Ok(()) };
        let label = match index.get(&cell) {
            Some(&label) => label,
            None if *is_open => {
                classes.push(cell.clone());
                index.insert(cell, classes.len() - 1);
                classes.len() - 1
            }
            None => {
                let (file, classes) = (self.file.to_owned(), classes.clone());
                return Err(CsvError::Class { file, line, column: place, cell, classes });
            }
        };
        labels.push(label);
        Ok(())
    }

    fn column(&self, index: usize) -> Column {
        match &self.names {
            Some(names) => Column::Name(names[index].clone()),
            None => Column::Index(index),
        }
    }

    fn cell<'r>(&self, record: &'r StringRecord, line: u64, column: usize) -> Result<&'r str, CsvError> {
        record.get(column).filter(|cell| !cell.is_empty()).ok_or_else(|| CsvError::Empty {
            file: self.file.to_owned(),
            line,
            column: self.column(column),
        })
    }

    fn number(&self, record: &StringRecord, line: u64, column: usize) -> Result<f32, CsvError> {
        let cell = self.cell(record, line, column)?;
        number(cell).ok_or_else(|| CsvError::Number {
            file: self.file.to_owned(),
            line,
            column: self.column(column),
            cell: cell.to_owned(),
            hint: if self.names.is_none() && line == self.first {
                "; if the line names the columns, set `header: true`"
            } else {
                ""
            },
        })
    }

    fn finish(self) -> Result<Dataset, CsvError> {
        let wrong = |error| CsvError::Data { file: self.file.to_owned(), error };
        let features = matrix(self.features, self.feature_columns.len());
        match self.targets {
            Cells::Values(values) => {
                Dataset::values(features, matrix(values, self.target_columns.len())).map_err(wrong)
            }
            Cells::Classes { labels, classes, is_open, .. } => {
                let order = if is_open { sorted(&classes) } else { (0..classes.len()).collect() };
                let mut ranks = vec![0; classes.len()];
                for (rank, &class) in order.iter().enumerate() {
                    ranks[class] = rank;
                }
                let labels = labels.into_iter().map(|label| ranks[label]).collect();
                let names: Vec<String> = order.iter().map(|&class| classes[class].clone()).collect();
                Dataset::classes(features, labels, names.len())
                    .and_then(|data| data.with_class_names(names))
                    .map_err(wrong)
            }
        }
    }
}

fn number(cell: &str) -> Option<f32> {
    cell.parse().ok().filter(|number: &f32| number.is_finite())
}

/// Rows of so many numbers.
fn matrix(numbers: Vec<f32>, width: usize) -> Array2<f32> {
    let rows = numbers.len().checked_div(width).unwrap_or(0);
    let mut numbers = numbers.into_iter();
    Array2::from_shape_simple_fn((rows, width), || numbers.next().unwrap_or_default())
}

/// The order of classes: numbers by size, else names by alphabet.
fn sorted(classes: &[String]) -> Vec<usize> {
    let numbers: Option<Vec<f64>> = classes.iter().map(|class| class.parse().ok()).collect();
    let mut order: Vec<usize> = (0..classes.len()).collect();
    match numbers {
        Some(numbers) => order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b])),
        None => order.sort_by_key(|&class| &classes[class]),
    }
    order
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::data::Targets;

    fn parsed(text: &str, options: &CsvOptions) -> Dataset {
        parse(text.as_bytes(), "a.csv", options).unwrap()
    }

    fn refused(text: &str, options: &CsvOptions) -> String {
        parse(text.as_bytes(), "a.csv", options).unwrap_err().to_string()
    }

    fn bare() -> CsvOptions {
        CsvOptions { header: false, ..CsvOptions::default() }
    }

    #[test]
    fn classes_are_integers_or_names_in_order() {
        let data = parsed("x, y,class\n1,2.5,10\n-3e2,.5,9\n\n0,0,10\n", &CsvOptions::default());
        assert_eq!(data.features().row(1).to_vec(), [-300.0, 0.5]);
        assert_eq!((data.labels(), data.class_names()), (&[1, 0, 1][..], &["9".into(), "10".into()][..]));
        let data = parsed("1,2,cat\n3,4,\"a, b\"\n5,6,cat", &bare());
        assert_eq!((data.labels(), data.class_names()), (&[1, 0, 1][..], &["a, b".into(), "cat".into()][..]));
    }

    #[test]
    fn columns_go_where_they_are_told() {
        let text = "id;kind;x;y\na1;b;1;2\na2;c;3;4\n";
        let options = CsvOptions {
            target: Target::Class("kind".into()),
            ignore: vec![0.into()],
            delimiter: b';',
            ..CsvOptions::default()
        };
        let data = parsed(text, &options);
        assert_eq!((data.features().row(1).to_vec(), data.labels()), (vec![3.0, 4.0], &[0, 1][..]));
        let options = CsvOptions {
            target: Target::Values(vec![Column::Last, "x".into()]),
            ignore: vec!["id".into(), 1.into()],
            ..options
        };
        assert_eq!(
            refused(text, &options),
            "`a.csv`: the data has 0 samples of 0 features: give at least one of each"
        );
        let options = CsvOptions {
            ignore: vec!["id".into()],
            target: Target::Values(vec![3.into(), 2.into()]),
            ..options
        };
        let data = parsed("id;a;x;y\n_;7;1;2\n_;8;3;4\n", &options);
        let Targets::Values(values) = data.targets() else { unreachable!() };
        assert_eq!(values, ndarray::array![[2.0, 1.0], [4.0, 3.0]]);
        assert_eq!(data.features().column(0).to_vec(), [7.0, 8.0]);
    }

    #[test]
    fn a_second_file_has_the_classes_of_the_first() {
        let first = parsed("1,a\n2,b\n3,c\n", &bare());
        let options = CsvOptions { classes: first.class_names().to_vec(), ..bare() };
        let second = parsed("1,c\n2,b\n", &options);
        assert_eq!((second.labels(), second.class_names()), (&[2, 1][..], first.class_names()));
        assert_eq!(
            refused("1,c\n2,d\n", &options),
            "`a.csv`, line 2, column 1 (from 0) has class `d`, which is none of [\"a\", \"b\", \"c\"]: add it to `classes`, or remove the line"
        );
    }

    #[test]
    fn wrong_cells_are_named() {
        let options = CsvOptions::default();
        assert_eq!(
            refused("x,y,class\n1,2,a\n3,,b\n", &options),
            "`a.csv`, line 3, column `y` is empty: fill it in, remove the line, or `ignore` the column"
        );
        assert_eq!(
            refused("x,y,class\n\n1,2,a\n?,2,b\n", &options),
            "`a.csv`, line 4, column `x` has `?`, which is no finite number: correct it, remove the line, or `ignore` the column"
        );
        for cell in ["nan", "inf", "1e99", "1,5", "0x10"] {
            let message = refused(&format!("1,2,a\n\"{cell}\",2,a\n"), &bare());
            assert!(
                message.starts_with(&format!("`a.csv`, line 2, column 0 (from 0) has `{cell}`")),
                "{message}"
            );
        }
        assert!(
            refused("x,y,class\n1,2,\n", &options).starts_with("`a.csv`, line 2, column `class` is empty")
        );
        assert_eq!(
            refused("x,y,class\n1,2,a\n3,b\n", &options),
            "`a.csv`, line 3 has 2 cells, but line 1 has 3: give every line as many, and check the delimiter"
        );
    }

    #[test]
    fn wrong_options_are_named() {
        assert_eq!(
            refused("1,2,3\n4,5,6\n", &CsvOptions::default()),
            "`a.csv`, line 1 should name the columns, but has numbers only: set `header: false`"
        );
        assert!(
            refused("x,y,class\n1,2,a\n", &bare())
                .ends_with("if the line names the columns, set `header: true`")
        );
        let missing = CsvOptions { target: Target::Class("kind".into()), ..CsvOptions::default() };
        assert_eq!(refused("x,y\n1,2\n", &missing), "`a.csv` has no column `kind`: its columns are `x`, `y`");
        assert!(refused("kind,kind\n1,2\n", &missing).starts_with("`a.csv` has more than one column `kind`"));
        let beyond = CsvOptions { target: Target::Class(2.into()), ..bare() };
        assert_eq!(
            refused("1,2\n", &beyond),
            "`a.csv` has no column 2 (from 0): its columns are 0 to 1, without names"
        );
    }

    #[test]
    fn files_may_be_gzip_and_must_be_whole_and_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv.gz");
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(b"1,2,a\n3,4,b\n").unwrap();
        let packed = packed.finish().unwrap();
        std::fs::write(&path, &packed).unwrap();
        assert_eq!(read(&path, &bare()).unwrap(), parsed("1,2,a\n3,4,b\n", &bare()));
        std::fs::write(&path, &packed[..packed.len() - 9]).unwrap();
        assert!(read(&path, &bare()).unwrap_err().to_string().starts_with("cannot read `"));
        let error = read(folder.path().join("none"), &bare()).unwrap_err().to_string();
        assert!(error.starts_with("cannot read `") && error.contains("none"), "{error}");
        std::fs::write(&path, b"1,2,a\n3,4,\xff\n").unwrap();
        assert!(
            read(&path, &bare())
                .unwrap_err()
                .to_string()
                .ends_with("line 2 is not UTF-8: save the file as UTF-8")
        );
        for nothing in ["", "x,y\n"] {
            let error = parse(nothing.as_bytes(), "a.csv", &CsvOptions::default()).unwrap_err();
            assert!(matches!(error, CsvError::Data { error: DataError::Empty { .. }, .. }), "{error}");
        }
    }
}
