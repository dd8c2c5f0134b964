//! Samples to train and evaluate on, checked once when they come in.

mod checkerboard;

use ndarray::{Array2, ArrayView2, Axis};
use rand::seq::SliceRandom;
use thiserror::Error;

pub use checkerboard::{checkerboard, checkerboard_points};

use crate::Seed;

/// Features and what to predict from them.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    features: Array2<f32>,
    targets: Targets,
}

/// What a network is to predict.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// A class of each sample.
    Classes {
        /// One of `0..classes` for each sample.
        labels: Vec<usize>,
        /// How many classes there are.
        classes: usize,
    },
    /// Numbers of each sample, `[samples, outputs]`.
    Values(Array2<f32>),
}

/// Data that nothing can be learned from.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum DataError {
    /// No rows or no columns.
    #[error("the data has {rows} samples of {columns} features: give at least one of each")]
    Empty {
        /// Samples given.
        rows: usize,
        /// Features of each.
        columns: usize,
    },
    /// A feature or target that is not a number.
    #[error(
        "row {row}, column {column} of the {part} is {value}: replace or drop missing values before they get here"
    )]
    NotFinite {
        /// `features` or `targets`.
        part: &'static str,
        /// The sample.
        row: usize,
        /// The feature or output.
        column: usize,
        /// What is there.
        value: f32,
    },
    /// A label that names no class.
    #[error("row {row} has label {label}, but {classes} classes are numbered 0 to {}: renumber the labels or give more classes", classes.saturating_sub(1))]
    Label {
        /// The sample.
        row: usize,
        /// Its label.
        label: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// Another number of targets than of samples.
    #[error("there are {features} rows of features, but {targets} targets: give one target for each row")]
    Rows {
        /// Rows of features.
        features: usize,
        /// Targets.
        targets: usize,
    },
    /// A split that leaves one side empty.
    #[error(
        "a fraction of {fraction} splits {rows} samples into {first} and {second}: give a fraction that leaves samples on both sides"
    )]
    Split {
        /// The fraction asked for.
        fraction: f32,
        /// Samples there are.
        rows: usize,
        /// Samples left in the first part.
        first: usize,
        /// Samples in the second part.
        second: usize,
    },
}

impl Dataset {
    /// Features `[samples, features]` with a class of each sample.
    ///
    /// # Errors
    /// When there is no data, a feature is NaN or infinite, the numbers of samples differ, or a label is not in
    /// `0..classes`.
    pub fn classes(features: Array2<f32>, labels: Vec<usize>, classes: usize) -> Result<Self, DataError> {
        check(&features, "features")?;
        check_rows(&features, labels.len())?;
        if let Some((row, &label)) = labels.iter().enumerate().find(|(_, label)| **label >= classes) {
            return Err(DataError::Label { row, label, classes });
        }
        Ok(Self { features: standard(features), targets: Targets::Classes { labels, classes } })
    }

    /// Features `[samples, features]` with numbers to predict, `[samples, outputs]`.
    ///
    /// # Errors
    /// When there is no data, a number is NaN or infinite, or the numbers of samples differ.
    pub fn values(features: Array2<f32>, values: Array2<f32>) -> Result<Self, DataError> {
        check(&features, "features")?;
        check_rows(&features, values.nrows())?;
        check(&values, "targets")?;
        Ok(Self { features: standard(features), targets: Targets::Values(standard(values)) })
    }

    /// The features, `[samples, features]`.
    #[must_use]
    pub fn features(&self) -> ArrayView2<'_, f32> {
        self.features.view()
    }

    /// What to predict.
    #[must_use]
    pub const fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The features of each sample, `[features]`.
    pub fn samples(&self) -> impl Iterator<Item = Vec<f32>> {
        self.features.rows().into_iter().map(|row| row.to_vec())
    }

    /// The class of each sample; nothing where the targets are numbers.
    #[must_use]
    pub fn labels(&self) -> &[usize] {
        match &self.targets {
            Targets::Classes { labels, .. } => labels,
            Targets::Values(_) => &[],
        }
    }

    /// How many samples there are, at least one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.features.nrows()
    }

    /// Never: construction refuses empty data.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Features of one sample.
    #[must_use]
    pub fn width(&self) -> usize {
        self.features.ncols()
    }

    /// The samples in another order.
    #[must_use]
    pub fn shuffled(&self, seed: Seed) -> Self {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.shuffle(&mut seed.rng(SHUFFLE));
        self.select(&order)
    }

    /// Shuffles, then puts the last `fraction` of the samples apart: the rest, and those.
    ///
    /// # Errors
    /// When one part would be empty.
    pub fn split(&self, fraction: f32, seed: Seed) -> Result<(Self, Self), DataError> {
        let rows = self.len();
        let second = (rows as f32 * fraction).round().clamp(0.0, rows as f32) as usize;
        let first = rows - second;
        if first == 0 || second == 0 {
            return Err(DataError::Split { fraction, rows, first, second });
        }
        let mut order: Vec<usize> = (0..rows).collect();
        order.shuffle(&mut seed.rng(SHUFFLE));
        Ok((self.select(&order[..first]), self.select(&order[first..])))
    }

    /// The samples at `rows`, each in `0..len()`.
    #[must_use]
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        let targets = match &self.targets {
            Targets::Classes { labels, classes } => {
                Targets::Classes { labels: rows.iter().map(|&row| labels[row]).collect(), classes: *classes }
            }
            Targets::Values(values) => Targets::Values(values.select(Axis(0), rows)),
        };
        Self { features: self.features.select(Axis(0), rows), targets }
    }
}

/// The stream of a seed that orders samples.
const SHUFFLE: u64 = 1;

fn standard(array: Array2<f32>) -> Array2<f32> {
    if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() }
}

fn check(array: &Array2<f32>, part: &'static str) -> Result<(), DataError> {
    let (rows, columns) = array.dim();
    if rows == 0 || columns == 0 {
        return Err(DataError::Empty { rows, columns });
    }
    match array.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((row, column), &value)) => Err(DataError::NotFinite { part, row, column, value }),
        None => Ok(()),
    }
}

fn check_rows(features: &Array2<f32>, targets: usize) -> Result<(), DataError> {
    if features.nrows() == targets {
        return Ok(());
    }
    Err(DataError::Rows { features: features.nrows(), targets })
}
