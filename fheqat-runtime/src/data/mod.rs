//! Samples to train and evaluate on, checked once when they come in.

mod checkerboard;
pub mod csv;
mod feature;
pub mod idx;
mod rows;
mod shift;
mod split;
mod unpack;

use std::{collections::BTreeSet, sync::Arc};

use ndarray::{Array2, ArrayView2, Axis};
use rand::seq::SliceRandom;
use thiserror::Error;

pub use checkerboard::{checkerboard, checkerboard_points};
pub use feature::{Feature, FeatureKind};

use crate::Seed;

/// Features and what to predict from them.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    features: Array2<f32>,
    targets: Targets,
    /// Of each class; empty where targets are numbers.
    class_names: Arc<[String]>,
    /// One for each feature.
    described: Arc<[Feature]>,
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
    /// Rows of different lengths.
    #[error("row {row} of the {part} has {found} numbers, but row 0 has {expected}: give each row as many")]
    Ragged {
        /// `features` or `targets`.
        part: &'static str,
        /// The first row of another length, from 0.
        row: usize,
        /// Its numbers.
        found: usize,
        /// The numbers of row 0.
        expected: usize,
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
    /// Names that are not one for each class.
    #[error("there are {names} different names for {classes} classes: give one name for each")]
    Names {
        /// Different names given.
        names: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// Samples that are no images of that shape.
    #[error(
        "samples have {width} features, but an image of {shape:?} has another number: give the shape of one sample, channels first"
    )]
    Image {
        /// Features of a sample.
        width: usize,
        /// Channels, height and width given.
        shape: [usize; 3],
    },
    /// Shifts that move a whole image out of its frame.
    #[error("a reach of {reach} moves all of an image of {shape:?} out of its frame: give at most {most}")]
    Reach {
        /// Pixels given.
        reach: usize,
        /// Channels, height and width.
        shape: [usize; 3],
        /// The largest reach that leaves a pixel.
        most: usize,
    },
    /// More copies than there are shifts.
    #[error(
        "{copies} shifted copies of each image were asked for, but a reach of {reach} has {most} shifts: ask for fewer, or reach further"
    )]
    Copies {
        /// Copies asked for.
        copies: usize,
        /// Pixels that an image moves at most.
        reach: usize,
        /// Shifts that there are.
        most: usize,
    },
    /// Fractions that are no shares of a whole.
    #[error("the fractions {fractions:?} are no shares of a whole: give positive ones that sum to 1")]
    Fractions {
        /// What was given.
        fractions: Vec<f32>,
    },
    /// Fractions that leave a part empty.
    #[error(
        "the fractions {fractions:?} of {rows} samples leave part {part} (from 0) empty: give it a larger one"
    )]
    Part {
        /// What was given.
        fractions: Vec<f32>,
        /// Samples there are.
        rows: usize,
        /// The empty part.
        part: usize,
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
    /// Features `[samples, features]` with a class of each sample; [`classes_from_rows`](Self::classes_from_rows) takes
    /// vectors.
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
        let class_names = (0..classes).map(|class| class.to_string()).collect();
        let described = Feature::numbered(features.ncols());
        let targets = Targets::Classes { labels, classes };
        Ok(Self { features: standard(features), targets, class_names, described })
    }

    /// Features `[samples, features]` with numbers to predict, `[samples, outputs]`;
    /// [`values_from_rows`](Self::values_from_rows) takes vectors.
    ///
    /// # Errors
    /// When there is no data, a number is NaN or infinite, or the numbers of samples differ.
    pub fn values(features: Array2<f32>, values: Array2<f32>) -> Result<Self, DataError> {
        check(&features, "features")?;
        check_rows(&features, values.nrows())?;
        check(&values, "targets")?;
        let targets = Targets::Values(standard(values));
        let described = Feature::numbered(features.ncols());
        Ok(Self { features: standard(features), targets, class_names: Arc::default(), described })
    }

    /// The same with names for its classes, in their order; they are numbers till then.
    ///
    /// # Errors
    /// When there is not one name for each class, different from the others.
    pub fn with_class_names(self, names: Vec<String>) -> Result<Self, DataError> {
        let classes = self.class_names.len();
        let different = names.iter().collect::<BTreeSet<_>>().len();
        if names.len() != classes || different != classes {
            return Err(DataError::Names { names: different, classes });
        }
        Ok(Self { class_names: names.into(), ..self })
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

    /// What each feature is: its name, and whether it is a number or a category.
    #[must_use]
    pub fn described(&self) -> &[Feature] {
        &self.described
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

    /// The name of each class; nothing where the targets are numbers.
    #[must_use]
    pub fn class_names(&self) -> &[String] {
        &self.class_names
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

    /// The same samples with other numbers to predict, of the same shape.
    pub(crate) fn with_values(&self, values: Array2<f32>) -> Self {
        Self { targets: Targets::Values(standard(values)), ..self.clone() }
    }

    /// What is the same of any choice of its samples.
    fn without_samples(&self) -> Self {
        Self {
            features: Array2::default((0, 0)),
            targets: Targets::Values(Array2::default((0, 0))),
            class_names: Arc::clone(&self.class_names),
            described: Arc::clone(&self.described),
        }
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
        Self { features: self.features.select(Axis(0), rows), targets, ..self.without_samples() }
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

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn bad_data_is_refused_by_name() {
        let features = array![[0.0, 1.0], [2.0, f32::NAN]];
        let error = Dataset::classes(features, vec![0, 1], 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "row 1, column 1 of the features is NaN: replace or drop missing values before they get here"
        );
        let features = array![[0.0, 1.0], [2.0, 3.0]];
        assert_eq!(
            Dataset::classes(features.clone(), vec![0, 2], 2),
            Err(DataError::Label { row: 1, label: 2, classes: 2 })
        );
        assert_eq!(
            Dataset::classes(features.clone(), vec![0], 2),
            Err(DataError::Rows { features: 2, targets: 1 })
        );
        assert_eq!(
            Dataset::classes(Array2::zeros((0, 2)), vec![], 2),
            Err(DataError::Empty { rows: 0, columns: 2 })
        );
        let values = array![[0.0], [f32::INFINITY]];
        assert!(matches!(
            Dataset::values(features, values),
            Err(DataError::NotFinite { part: "targets", row: 1, column: 0, .. })
        ));
    }

    #[test]
    fn a_split_shares_out_every_sample() {
        let features = Array2::from_shape_fn((10, 1), |(row, _)| row as f32);
        let data = Dataset::classes(features, (0..10).collect(), 10).unwrap();
        let (first, second) = data.split(0.3, Seed(5)).unwrap();
        assert_eq!((first.len(), second.len()), (7, 3));
        let mut seen: Vec<f32> = first.features().iter().chain(second.features()).copied().collect();
        seen.sort_by(f32::total_cmp);
        assert_eq!(seen, (0..10u8).map(f32::from).collect::<Vec<_>>());
        assert_eq!(data.split(0.3, Seed(5)).unwrap().0, first);
        assert_ne!(data.split(0.3, Seed(6)).unwrap().0, first);
        assert!(matches!(data.split(0.01, Seed(5)), Err(DataError::Split { .. })));
        assert!(matches!(data.split(f32::NAN, Seed(5)), Err(DataError::Split { .. })));
    }
}
