//! What the text of one cell says.

use std::borrow::Cow;

use super::{Column, CsvError, CsvOptions, Missing};
use crate::data::{LARGEST, feature::name_of_number};

/// How cells are read.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) file: &'a str,
    pub(super) options: &'a CsvOptions,
    /// The first line of samples where no line names the columns.
    pub(super) unnamed: Option<u64>,
}

/// A cell and where it is.
#[derive(Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) text: &'a str,
    pub(super) line: u64,
    pub(super) column: &'a Column,
}

impl Reading<'_> {
    /// Every line has as many cells as the first, each given as its number and its cells.
    pub(super) fn check_width(&self, first: (u64, usize), here: (u64, usize)) -> Result<(), CsvError> {
        if here.1 == first.1 {
            return Ok(());
        }
        let (file, (line, found), (first, expected)) = (self.file.to_owned(), here, first);
        Err(CsvError::Width { file, line, found, first, expected })
    }

    pub(super) fn is_missing(&self, text: &str) -> bool {
        self.options.missing_marks.iter().any(|mark| mark == text)
    }

    /// Whether a feature is missing, which may be refused.
    pub(super) fn missing(&self, cell: Cell<'_>) -> Result<bool, CsvError> {
        match (self.is_missing(cell.text), self.options.missing) {
            (true, Missing::Refuse) => Err(self.is_not_there(
                cell,
                "fill it in, remove the line, `ignore` the column, or set `missing: Missing::Keep`",
            )),
            (is_missing, Missing::Refuse | Missing::Keep) => Ok(is_missing),
        }
    }

    /// The text of a target, which must be there.
    pub(super) fn target<'r>(&self, cell: Cell<'r>) -> Result<&'r str, CsvError> {
        let is_never_one = cell.text.is_empty() || cell.text.eq_ignore_ascii_case("nan");
        if is_never_one || self.is_missing(cell.text) {
            return Err(self.is_not_there(
                cell,
                "fill it in or remove the line, for a target is needed; if it is a name, take it out of `missing_marks`",
            ));
        }
        Ok(cell.text)
    }

    fn is_not_there(&self, cell: Cell<'_>, mend: &'static str) -> CsvError {
        let (file, line, column) = (self.file.to_owned(), cell.line, cell.column.clone());
        CsvError::Missing { file, line, column, cell: cell.text.to_owned(), mend }
    }

    /// Infinite where it is written out but too large.
    pub(super) fn number(&self, text: &str) -> Option<f32> {
        let number: f32 = self.decimal(text)?.parse().ok()?;
        (number.is_finite() || text.contains(|digit: char| digit.is_ascii_digit())).then_some(number)
    }

    /// The text with a point, where it has what should be one.
    fn decimal<'t>(&self, text: &'t str) -> Option<Cow<'t, str>> {
        match (self.options.decimal_comma, text.contains('.')) {
            (false, _) => Some(text.into()),
            (true, true) => None,
            (true, false) => Some(text.replace(',', ".").into()),
        }
    }

    /// The text of a number that training could have, with a point.
    pub(super) fn number_text(&self, cell: Cell<'_>) -> Result<String, CsvError> {
        let number = self.number(cell.text).ok_or_else(|| self.is_no_number(cell))?;
        self.small(number, cell)?;
        Ok(self.decimal(cell.text).unwrap_or_default().into_owned())
    }

    /// A name of a class or category: of a number its value, so that `1` and `1.0` are one.
    pub(super) fn name(&self, text: &str) -> String {
        let number = self.decimal(text).and_then(|decimal| name_of_number(&decimal));
        number.unwrap_or_else(|| text.to_owned())
    }

    /// A number that training can square.
    pub(super) fn small(&self, number: f32, cell: Cell<'_>) -> Result<f32, CsvError> {
        if number.abs() <= LARGEST {
            return Ok(number);
        }
        let (file, line, column) = (self.file.to_owned(), cell.line, cell.column.clone());
        Err(CsvError::Huge { file, line, column, cell: cell.text.to_owned() })
    }

    /// Of a feature of numbers, a cell that is none.
    pub(super) fn is_no_number(&self, cell: Cell<'_>) -> CsvError {
        let mend = if self.unnamed == Some(cell.line) {
            "if the line names the columns, set `header: true`; else correct it, list the column in `categories`, or `ignore` it"
        } else {
            "correct it, remove the line, add it to `missing_marks`, list the column in `categories`, or `ignore` it"
        };
        self.wrong_number(cell, mend)
    }

    pub(super) fn wrong_number(&self, cell: Cell<'_>, mend: &'static str) -> CsvError {
        let (file, line, column) = (self.file.to_owned(), cell.line, cell.column.clone());
        let mend = match (self.has_comma(cell.text), self.options.decimal_comma && cell.text.contains('.')) {
            (true, _) => "if the comma is a decimal one, set `decimal_comma: true`; else leave it out",
            (_, true) => "with `decimal_comma: true` a number has no point",
            _ => mend,
        };
        CsvError::Number { file, line, column, cell: cell.text.to_owned(), mend }
    }

    /// Whether it would be a number if its comma were a point.
    pub(super) fn has_comma(&self, text: &str) -> bool {
        !self.options.decimal_comma && has_decimal_comma(text)
    }
}

pub(super) fn has_decimal_comma(text: &str) -> bool {
    text.contains(',') && !text.contains('.') && text.replacen(',', ".", 1).parse::<f64>().is_ok()
}

/// `2026-11-30`, `30.11.26`, `11/30/2026 12:00`, `30-Nov-2026`, `12:00:59`.
pub(super) fn is_date(text: &str) -> bool {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let day = text.split(['T', ' ']).next().unwrap_or(text);
    let parts: Vec<&str> = day.split(['-', '/', '.']).collect();
    let [first, second, third] = parts[..] else {
        let clock: Vec<&str> = text.split(':').collect();
        return (2..=3).contains(&clock.len())
            && clock.iter().all(|part| is_digits(part.split('.').next().unwrap_or(part)));
    };
    let is_month =
        is_digits(second) || (second.len() == 3 && second.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let lengths = [first.len(), second.len(), third.len()];
    let is_long_enough = lengths.contains(&4) || lengths == [2; 3] || second.len() == 3;
    is_digits(first)
        && is_month
        && is_digits(third)
        && is_long_enough
        && lengths.iter().all(|length| *length <= 4)
}

/// The order of names: numbers by size, else by alphabet.
pub(super) fn sorted(names: &[String]) -> Vec<usize> {
    let numbers: Option<Vec<f64>> = names.iter().map(|name| name.parse().ok()).collect();
    let mut order: Vec<usize> = (0..names.len()).collect();
    match numbers {
        Some(numbers) => order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b])),
        None => order.sort_by_key(|&name| &names[name]),
    }
    order
}

/// The place of each name in that order.
pub(super) fn ranks(order: &[usize]) -> Vec<usize> {
    let mut ranks = vec![0; order.len()];
    for (rank, &name) in order.iter().enumerate() {
        ranks[name] = rank;
    }
    ranks
}
