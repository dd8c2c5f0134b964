//! Options by which commands read tables, and what to type where one cannot be read.

use fheqat::{
    MainError,
    circuit::Task,
    data::csv::{Column, CsvError, CsvOptions, Target},
};

/// How a table is written.
#[derive(clap::Args)]
pub(crate) struct Format {
    /// The first line is a sample; columns are named by their number, from 0
    #[arg(long)]
    no_header: bool,
    /// What stands between two cells, one character or `tab`; found out by default
    #[arg(long, value_parser = delimiter)]
    delimiter: Option<u8>,
    /// Numbers have a decimal comma
    #[arg(long)]
    decimal_comma: bool,
}

/// What the columns of a table are.
#[derive(clap::Args)]
pub(crate) struct Columns {
    /// The column to predict, several times for several numbers; the last by default
    #[arg(long, value_name = "COLUMN")]
    target: Vec<String>,
    /// The target is a number, not a class
    #[arg(long)]
    regression: bool,
    /// A column that is neither feature nor target
    #[arg(long, value_name = "COLUMN")]
    ignore: Vec<String>,
    /// A column of categories that are written as numbers
    #[arg(long, value_name = "COLUMN")]
    category: Vec<String>,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("give one ASCII character, or `tab`".to_owned()),
    }
}

impl Format {
    /// How samples without a target are read.
    pub(crate) fn options(&self, max_unpacked: u64) -> CsvOptions {
        CsvOptions {
            header: !self.no_header,
            delimiter: self.delimiter,
            decimal_comma: self.decimal_comma,
            max_unpacked,
            ..CsvOptions::default()
        }
    }

    /// How a table is read whose `targets` a model predicts: the last column by default, or that of each label.
    pub(crate) fn targets(
        &self,
        targets: &[String],
        task: &Task,
        max_unpacked: u64,
    ) -> Result<CsvOptions, String> {
        let mut columns = targets.iter().map(|name| self.column(name)).collect::<Result<Vec<_>, _>>()?;
        let names = task.names();
        if columns.is_empty() {
            columns = match task {
                Task::Labels(_) => names.iter().map(|name| Column::from(name.as_str())).collect(),
                _ => vec![Column::Last],
            };
        }
        let (target, classes) = match (task, columns.as_slice()) {
            (Task::Numbers, _) => (Target::Values(columns), Vec::new()),
            (Task::Labels(_), _) => (Target::Labels(columns), Vec::new()),
            (_, [class]) => (Target::Class(class.clone()), names.to_vec()),
            _ => {
                return Err(
                    "the model predicts a class, which is in one column: type one `--target`".to_owned()
                );
            }
        };
        Ok(CsvOptions { target, classes, ..self.options(max_unpacked) })
    }

    fn column(&self, name: &str) -> Result<Column, String> {
        match name.parse() {
            Ok(index) if self.no_header => Ok(Column::Index(index)),
            _ if self.no_header => {
                Err(format!("with `--no-header` a column is a number from 0, but `{name}` is none"))
            }
            _ => Ok(name.into()),
        }
    }
}

impl Columns {
    /// How samples are read to train on.
    pub(crate) fn options(&self, format: &Format, max_unpacked: u64) -> Result<CsvOptions, MainError> {
        let columns =
            |names: &[String]| names.iter().map(|name| format.column(name)).collect::<Result<Vec<_>, _>>();
        let mut targets = columns(&self.target)?;
        if targets.is_empty() {
            targets.push(Column::Last);
        }
        if targets.len() > 1 && !self.regression {
            return Err("several targets are numbers: type `--regression` too, or one `--target`".into());
        }
        let target = match targets.as_slice() {
            [class] if !self.regression => Target::Class(class.clone()),
            _ => Target::Values(targets),
        };
        let (ignore, categories) = (columns(&self.ignore)?, columns(&self.category)?);
        Ok(CsvOptions { target, ignore, categories, ..format.options(max_unpacked) })
    }
}

/// The error of a table that cannot be trained on, with what to type.
pub(crate) fn of_training(error: &CsvError) -> MainError {
    let typed = match error {
        CsvError::Header { .. } => "`--no-header`",
        CsvError::Delimiter { .. } | CsvError::OneColumn { .. } => "`--delimiter CHARACTER`",
        CsvError::Number { .. } => {
            "`--no-header` where the first line is a sample, `--decimal-comma`, `--category COLUMN` or `--ignore COLUMN`"
        }
        CsvError::Huge { .. } | CsvError::Nothing { .. } | CsvError::Date { .. } => "`--ignore COLUMN`",
        CsvError::Names { .. } => "`--ignore COLUMN` or `--category COLUMN`",
        CsvError::OneClass { .. } => "`--target COLUMN`",
        CsvError::Unpacked { .. } => "a larger `--max-file`",
        _ => return error.to_string().into(),
    };
    format!("{error}\n  to do so, type {typed}").into()
}

/// The error of a table that cannot be encrypted, with what to type.
pub(crate) fn of_samples(error: &CsvError) -> MainError {
    let typed = match error {
        CsvError::Column { .. } => {
            "`fheqat inspect` with the client half to see the columns it needs, and `--no-header` where the first line is a sample"
        }
        CsvError::Header { .. } => "`--no-header`",
        CsvError::Delimiter { .. } | CsvError::OneColumn { .. } => "`--delimiter CHARACTER`",
        CsvError::Number { .. } => "`--decimal-comma` where numbers have one",
        CsvError::Unpacked { .. } => "a larger `--max-file`",
        _ => return error.to_string().into(),
    };
    format!("{error}\n  to do so, type {typed}").into()
}
