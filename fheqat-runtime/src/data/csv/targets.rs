//! The targets read so far.

use std::collections::HashMap;

use ::csv::StringRecord;
use ndarray::Array2;

use super::{
    Column, CsvError, CsvOptions, Target,
    cell::{Cell, Reading, ranks, sorted},
};
use crate::data::{DataError, Dataset};

/// Numbers that may be classes of fewer than [`SAMPLES`] samples each.
const FEW_CLASSES: usize = 50;
const SAMPLES: usize = 5;
/// Numbers that may be classes where they are not all whole.
const FEW_FRACTIONS: usize = 10;

/// The targets read so far.
pub(super) struct TargetColumns {
    /// Where they are in a line, and what they are called.
    pub(super) columns: Vec<(usize, Column)>,
    cells: Cells,
}

enum Cells {
    /// An index into the classes for each sample; `is_open` where the file says which there are.
    Classes {
        labels: Vec<usize>,
        classes: Vec<String>,
        index: HashMap<String, usize>,
        is_open: bool,
    },
    Values(Vec<f32>),
    Labels(Vec<bool>),
}

impl TargetColumns {
    pub(super) fn new(columns: Vec<(usize, Column)>, reading: Reading<'_>) -> Result<Self, CsvError> {
        let CsvOptions { target, classes, .. } = reading.options;
        let cells = match target {
            Target::Class(_) => {
                let index: HashMap<_, _> = classes.iter().map(|name| reading.name(name)).zip(0..).collect();
                if index.len() != classes.len() {
                    let error = DataError::Names { names: index.len(), classes: classes.len() };
                    return Err(CsvError::Data { file: reading.file.to_owned(), error });
                }
                Cells::Classes {
                    labels: Vec::new(),
                    is_open: index.is_empty(),
                    classes: classes.clone(),
                    index,
                }
            }
            Target::Values(_) => Cells::Values(Vec::new()),
            Target::Labels(_) => Cells::Labels(Vec::new()),
        };
        Ok(Self { columns, cells })
    }

    pub(super) fn push(
        &mut self,
        record: &StringRecord,
        line: u64,
        reading: Reading<'_>,
    ) -> Result<(), CsvError> {
        for (index, column) in &self.columns {
            self.cells.push(Cell { text: &record[*index], line, column }, reading)?;
        }
        Ok(())
    }

    /// Whether cells are targets as the others are.
    pub(super) fn have(&self, record: &StringRecord, reading: Reading<'_>) -> bool {
        self.columns.iter().all(|(column, _)| {
            let text = &record[*column];
            match &self.cells {
                Cells::Classes { index, .. } => index.contains_key(&reading.name(text)),
                Cells::Values(_) | Cells::Labels(_) => reading.number(text).is_some(),
            }
        })
    }

    /// The data of these targets.
    pub(super) fn finish(self, features: Array2<f32>, reading: Reading<'_>) -> Result<Dataset, CsvError> {
        let wrong = |error| CsvError::Data { file: reading.file.to_owned(), error };
        let (rows, width) = (features.nrows(), self.columns.len());
        match self.cells {
            Cells::Values(values) => {
                Dataset::values_with_missing(features, matrix(values, rows, width)).map_err(wrong)
            }
            Cells::Labels(labels) => {
                let names = self.columns.iter().map(|(index, column)| match column {
                    Column::Name(name) => name.clone(),
                    Column::Last | Column::Index(_) => index.to_string(),
                });
                Dataset::multi_label_with_missing(features, matrix(labels, rows, width))
                    .and_then(|data| data.with_class_names(names.collect()))
                    .map_err(wrong)
            }
            Cells::Classes { labels, classes, is_open, .. } => {
                if is_open && let Some((_, column)) = self.columns.first() {
                    check_classes(&classes, rows, column, reading.file)?;
                }
                let order = if is_open { sorted(&classes) } else { (0..classes.len()).collect() };
                let ranks = ranks(&order);
                let labels = labels.into_iter().map(|label| ranks[label]).collect();
                let names: Vec<String> = order.iter().map(|&class| classes[class].clone()).collect();
                Dataset::classes_with_missing(features, labels, names.len())
                    .and_then(|data| data.with_class_names(names))
                    .map_err(wrong)
            }
        }
    }
}

impl Cells {
    fn push(&mut self, cell: Cell<'_>, reading: Reading<'_>) -> Result<(), CsvError> {
        let text = reading.target(cell)?;
        let place = || (reading.file.to_owned(), cell.column.clone(), text.to_owned());
        match self {
            Self::Classes { labels, classes, index, is_open } => {
                let name = reading.name(text);
                let label = match index.get(&name) {
                    Some(&label) => label,
                    None if *is_open => {
                        classes.push(name.clone());
                        index.insert(name, classes.len() - 1);
                        classes.len() - 1
                    }
                    None => {
                        let (file, column, cell_text) = place();
                        let (line, cell, classes) = (cell.line, cell_text, classes.clone());
                        return Err(CsvError::Class { file, line, column, cell, classes });
                    }
                };
                labels.push(label);
            }
            Self::Values(values) => match reading.number(text) {
                Some(number) => values.push(reading.small(number, cell)?),
                None => return Err(reading.wrong_number(cell, "correct it, or remove the line")),
            },
            Self::Labels(labels) => match (text.to_ascii_lowercase().as_str(), reading.number(text)) {
                ("true", _) | (_, Some(1.0)) => labels.push(true),
                ("false", _) | (_, Some(0.0)) => labels.push(false),
                _ => {
                    let (file, column, text) = place();
                    return Err(CsvError::Label { file, line: cell.line, column, cell: text });
                }
            },
        }
        Ok(())
    }
}

/// Whether what stands in a column are classes.
fn check_classes(classes: &[String], rows: usize, column: &Column, file: &str) -> Result<(), CsvError> {
    let (file, column) = (file.to_owned(), column.clone());
    if let [class] = classes {
        return Err(CsvError::OneClass { file, column, class: class.clone() });
    }
    let Some(numbers) = classes.iter().map(|class| class.parse::<f64>().ok()).collect::<Option<Vec<_>>>()
    else {
        return Ok(());
    };
    let are_whole = numbers.iter().all(|number| number.fract() == 0.0);
    let are_rare = numbers.len() > FEW_CLASSES && rows < SAMPLES * numbers.len();
    if are_rare || (!are_whole && numbers.len() > FEW_FRACTIONS) {
        return Err(CsvError::Regression { file, column, classes: numbers.len(), rows });
    }
    Ok(())
}

/// Rows of so many numbers.
fn matrix<T: Clone + Default>(numbers: Vec<T>, rows: usize, width: usize) -> Array2<T> {
    let mut numbers = numbers.into_iter();
    Array2::from_shape_simple_fn((rows, width), || numbers.next().unwrap_or_default())
}
