use std::fmt;

use crate::data::Feature;

/// How a file is read. The defaults read a table as spreadsheets and scripts write it: names in the first line, the class last,
/// numbers and text mixed, cells missing here and there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvOptions {
    /// Whether the first line names the columns. Default: true.
    pub header: bool,
    /// What is to be predicted. Default: a class, in the last column.
    pub target: Target,
    /// Columns that are neither target nor feature; every other one is a feature, in the file's order. Default: none.
    pub ignore: Vec<Column>,
    /// Features that are categories even where they are written as numbers, as dates, or differ in most lines. Default: none;
    /// a column of which more than half of the cells are no numbers is one anyway, unless it has dates, or more than ten names
    /// for fewer than two lines each.
    pub categories: Vec<Column>,
    /// The features of a first file ([`Dataset::described`](crate::data::Dataset::described)), for a second that is to be read like it: its
    /// columns are found by name, in the first one's order, others are left out, and names that the first file does not have
    /// become the index behind its last category. Without them, as by default, features are what the file has.
    pub features: Vec<Feature>,
    /// The names of the classes in their order, as a second file needs them that may not have every class
    /// ([`Dataset::class_names`](crate::data::Dataset::class_names)). Without them, as by default, they are what the file has: numbers by size, names by alphabet.
    pub classes: Vec<String>,
    /// What stands between two cells, one byte. Default: `None`, which finds out whether it is `,`, `;` or a tab.
    pub delimiter: Option<u8>,
    /// Whether numbers have a decimal comma, `1,5`, and no point. Default: false.
    pub decimal_comma: bool,
    /// What to do with a feature that is missing. Default: [`Missing::Keep`]: it becomes NaN, never a number, and what cannot do
    /// with it says so.
    pub missing: Missing,
    /// What stands in a cell whose value is missing. Default: nothing, `?`, `NA`, `N/A`, `nan`, `NaN`, `null` or `NULL`.
    pub missing_marks: Vec<String>,
    /// Bytes that a gzip file may unpack to. Default: 4 GiB.
    pub max_unpacked: u64,
}

/// What stands in a cell whose value is missing, where nobody says otherwise.
pub(crate) const MISSING_MARKS: [&str; 8] = ["", "?", "NA", "N/A", "nan", "NaN", "null", "NULL"];

/// What to do with a feature that is missing. A target is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// An error that names the cell.
    Refuse,
    /// NaN.
    Keep,
}

/// What a network is to predict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The class of each sample: a number or a name. Numbers go by their value, so `1` and `1.0` are one class.
    Class(Column),
    /// Numbers of each sample.
    Values(Vec<Column>),
    /// Whether each label holds, 1 or `true`, or not, 0 or `false`; labels are named as their columns are.
    Labels(Vec<Column>),
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
            categories: Vec::new(),
            features: Vec::new(),
            classes: Vec::new(),
            delimiter: None,
            decimal_comma: false,
            missing: Missing::Keep,
            missing_marks: MISSING_MARKS.map(str::to_owned).to_vec(),
            max_unpacked: 4 << 30,
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
