use std::fmt;

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
    /// ([`Dataset::class_names`](crate::data::Dataset::class_names)). Without them, as by default, they are what the file has: numbers by size, names by alphabet.
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
