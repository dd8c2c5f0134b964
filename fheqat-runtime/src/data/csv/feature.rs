//! The cells of one feature, until it is known what they are.

use std::collections::HashMap;

use super::{
    Column, CsvError,
    cell::{Cell, Reading, is_date, ranks, sorted},
};
use crate::data::{Feature, FeatureKind};

/// Names that may be one for fewer than two lines each.
const FEW_NAMES: usize = 10;

/// The cells of one feature.
pub(super) struct FeatureColumn {
    /// Where they are in a line.
    pub(super) index: usize,
    pub(super) name: String,
    column: Column,
    cells: Cells,
}

enum Cells {
    /// Numbers so far, or for certain where a first file says so.
    Numbers { values: Vec<f32>, are_short: bool, is_certain: bool },
    /// Names, or numbers and names so far.
    Names(Names),
    /// Categories of a first file, by name.
    Known { values: Vec<f32>, names: Vec<String>, index: HashMap<String, usize> },
}

/// Names so far.
#[derive(Default)]
struct Names {
    /// An index into `distinct` for each line; `None` where it is missing.
    codes: Vec<Option<usize>>,
    distinct: Vec<String>,
    index: HashMap<String, usize>,
    /// Cells that are numbers.
    numbers: usize,
    /// Cells that are none.
    texts: usize,
    /// The first of those.
    first: Option<(u64, String)>,
    dates: usize,
    commas: usize,
    /// Whether the options say that these are categories.
    is_certain: bool,
}

impl FeatureColumn {
    pub(super) fn new(index: usize, name: String, column: Column, is_category: bool) -> Self {
        let cells = if is_category {
            Cells::Names(Names { is_certain: true, ..Names::default() })
        } else {
            Cells::Numbers { values: Vec::new(), are_short: true, is_certain: false }
        };
        Self { index, name, column, cells }
    }

    pub(super) fn known(index: usize, column: Column, feature: &Feature, reading: Reading<'_>) -> Self {
        let cells = match &feature.kind {
            FeatureKind::Number => Cells::Numbers { values: Vec::new(), are_short: true, is_certain: true },
            FeatureKind::Category { names } => Cells::Known {
                values: Vec::new(),
                names: names.clone(),
                index: names.iter().map(|name| reading.name(name)).zip(0..).collect(),
            },
        };
        Self { index, name: feature.name.clone(), column, cells }
    }

    pub(super) fn push(&mut self, text: &str, line: u64, reading: Reading<'_>) -> Result<(), CsvError> {
        let cell = Cell { text, line, column: &self.column };
        let is_missing = reading.missing(cell)?;
        match &mut self.cells {
            Cells::Numbers { values, are_short, is_certain } => {
                if is_missing {
                    values.push(f32::NAN);
                } else if let Some(number) = reading.number(text) {
                    *are_short &= is_short(number);
                    values.push(reading.small(number, cell)?);
                } else if *is_certain || !*are_short {
                    return Err(reading.is_no_number(cell));
                } else {
                    let mut names = Names::of(values);
                    names.push(text, line, reading);
                    self.cells = Cells::Names(names);
                }
            }
            Cells::Names(names) if is_missing => names.codes.push(None),
            Cells::Names(names) => names.push(text, line, reading),
            Cells::Known { values, .. } if is_missing => values.push(f32::NAN),
            Cells::Known { values, names, index } => {
                let category = index.get(&reading.name(text)).copied().unwrap_or(names.len());
                values.push(category as f32);
            }
        }
        Ok(())
    }

    /// Whether a cell is a number as the others are, or one of their names.
    pub(super) fn has(&self, text: &str, reading: Reading<'_>) -> bool {
        let is_missing = reading.is_missing(text);
        match &self.cells {
            Cells::Numbers { .. } => is_missing || reading.number(text).is_some(),
            Cells::Names(Names { index, .. }) | Cells::Known { index, .. } => {
                is_missing || index.contains_key(&reading.name(text))
            }
        }
    }

    /// The numbers of the feature, and what they are.
    pub(super) fn finish(self, reading: Reading<'_>) -> Result<(Vec<f32>, Feature), CsvError> {
        let (values, kind) = match self.cells {
            Cells::Numbers { values, is_certain, .. } => {
                if !is_certain && values.iter().all(|value| value.is_nan()) {
                    return Err(CsvError::Nothing { file: reading.file.to_owned(), column: self.column });
                }
                (values, FeatureKind::Number)
            }
            Cells::Known { values, names, .. } => (values, FeatureKind::Category { names }),
            Cells::Names(names) => {
                names.check(&self.column, reading)?;
                names.categories()
            }
        };
        Ok((values, Feature { name: self.name, kind }))
    }
}

/// Whether a number is written as its value is, so that nothing is lost when it turns out to be a name.
fn is_short(number: f32) -> bool {
    const WHOLE: f32 = (1 << 24) as f32;
    number.fract() == 0.0 && number.abs() < WHOLE
}

impl Names {
    /// Of short numbers.
    fn of(numbers: &[f32]) -> Self {
        let mut names = Self::default();
        for &number in numbers {
            if number.is_nan() {
                names.codes.push(None);
            } else {
                names.numbers += 1;
                names.add((number as i64).to_string());
            }
        }
        names
    }

    fn add(&mut self, name: String) {
        let next = self.distinct.len();
        let code = *self.index.entry(name).or_insert_with_key(|name| {
            self.distinct.push(name.clone());
            next
        });
        self.codes.push(Some(code));
    }

    fn push(&mut self, text: &str, line: u64, reading: Reading<'_>) {
        if reading.number(text).is_some() {
            self.numbers += 1;
        } else {
            self.texts += 1;
            self.dates += usize::from(is_date(text));
            self.commas += usize::from(reading.has_comma(text));
            self.first.get_or_insert_with(|| (line, text.to_owned()));
        }
        self.add(reading.name(text));
    }

    /// Whether these are categories.
    fn check(&self, column: &Column, reading: Reading<'_>) -> Result<(), CsvError> {
        let file = reading.file.to_owned();
        let Some((line, text)) = &self.first else {
            let is_empty = self.distinct.is_empty();
            return if is_empty { Err(CsvError::Nothing { file, column: column.clone() }) } else { Ok(()) };
        };
        if self.is_certain {
            return Ok(());
        }
        let (column, cell) = (column.clone(), text.clone());
        if self.texts <= self.numbers || 2 * self.commas > self.texts {
            return Err(reading.is_no_number(Cell { text, line: *line, column: &column }));
        }
        if 2 * self.dates > self.texts {
            return Err(CsvError::Date { file, column, cell });
        }
        let (names, rows) = (self.distinct.len(), self.codes.len());
        if names > FEW_NAMES && 2 * names > rows {
            return Err(CsvError::Names { file, column, names, rows, cell });
        }
        Ok(())
    }

    fn categories(self) -> (Vec<f32>, FeatureKind) {
        let order = sorted(&self.distinct);
        let ranks = ranks(&order);
        let values = self.codes.iter().map(|code| code.map_or(f32::NAN, |code| ranks[code] as f32)).collect();
        let names = order.iter().map(|&name| self.distinct[name].clone()).collect();
        (values, FeatureKind::Category { names })
    }
}
