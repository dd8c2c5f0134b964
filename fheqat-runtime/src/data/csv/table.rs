use std::collections::HashMap;

use ::csv::StringRecord;
use ndarray::Array2;

use super::{Column, CsvError, CsvOptions, Target};
use crate::data::Dataset;

/// The lines read so far.
pub(super) struct Table<'a> {
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
    pub(super) fn new(
        file: &'a str,
        options: &CsvOptions,
        record: &StringRecord,
        line: u64,
    ) -> Result<Self, CsvError> {
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

    pub(super) fn push(&mut self, record: &StringRecord, line: u64) -> Result<(), CsvError> {
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

    pub(super) fn finish(self) -> Result<Dataset, CsvError> {
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
