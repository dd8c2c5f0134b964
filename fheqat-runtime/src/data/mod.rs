//! Samples to train and evaluate on, checked once when they come in.
//!
//! # From a file
//!
//! [`csv::read`] takes a table as it is: `,`, `;` or tabs, quotes, gzip, text columns as categories, missing cells. What it cannot
//! make sense of is an error that names the line, the column and the option to set. [`idx::mnist`] reads images.
//!
//! ```
//! use fheqat_runtime::{
//!     Seed,
//!     data::csv::{self, CsvOptions, Target},
//! };
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("plants.csv");
//! # let line = |row: usize| format!("{};{};{}\n", row as f32 / 8.0, ["red", "", "blue"][row % 3], ["oak", "ash"][row % 2]);
//! # std::fs::write(&path, format!("height;colour;tree\n{}", (0..40).map(line).collect::<String>()))?;
//! let data = csv::read(&path, &CsvOptions::default())?; // the last column is the class
//! assert_eq!((data.len(), data.width(), data.class_names().len()), (40, 2, 2));
//! assert!(data.has_missing()); // a feature that is missing is NaN
//!
//! let heights = CsvOptions {
//!     target: Target::Values(vec!["height".into()]),
//!     ignore: vec!["tree".into()],
//!     ..CsvOptions::default()
//! };
//! let heights = csv::read(&path, &heights)?; // numbers to predict
//!
//! // A later file is read as the first one was: the same classes, the same categories, in the same order.
//! let later = CsvOptions {
//!     features: data.described().to_vec(),
//!     classes: data.class_names().to_vec(),
//!     ..CsvOptions::default()
//! };
//! let both = data.concat(&csv::read(&path, &later)?)?;
//! # assert_eq!((both.len(), heights.width()), (80, 1));
//!
//! // Shared out, each class alike: to train, and to judge what was trained.
//! let [train, test] = data.parts([0.75, 0.25], Seed(1))?;
//! assert_eq!((train.len(), test.len()), (30, 10));
//!
//! // Where rows are few: every sample is held out once.
//! for (train, held_out) in train.folds(5, Seed(2))? {
//!     assert_eq!((train.len(), held_out.len()), (24, 6));
//! }
//!
//! // Some of the samples, by row.
//! let tall: Vec<usize> = (0..data.len()).filter(|&row| data.features()[[row, 0]] > 2.5).collect();
//! let tall = data.select(&tall)?;
//! # assert_eq!(tall.len(), 19);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # From memory
//!
//! ```
//! use fheqat_runtime::data::{Dataset, Feature, FeatureKind};
//! use ndarray::array;
//!
//! let classes = Dataset::classes_from_rows([[0.2, 0.9], [0.7, 0.1]], vec![0, 1], 2)?;
//! let numbers = Dataset::values_from_rows([[1.0], [2.0]], [[10.0], [20.0]])?;
//! let labels = Dataset::multi_label_from_rows([[1.0], [2.0]], [[true, false], [true, true]])?;
//!
//! // NaN is a missing value where that is said; a category is an index into its names.
//! let data = Dataset::classes_with_missing(array![[f32::NAN, 1.0], [4.5, 0.0]], vec![0, 1], 2)?
//!     .with_class_names(vec!["oak".to_owned(), "ash".to_owned()])?
//!     .with_features(vec![
//!         Feature { name: "height".to_owned(), kind: FeatureKind::Number },
//!         Feature {
//!             name: "colour".to_owned(),
//!             kind: FeatureKind::Category { names: vec!["red".to_owned(), "blue".to_owned()] },
//!         },
//!     ])?;
//! # assert!(data.has_missing() && classes.len() + numbers.len() + labels.len() == 6);
//! # Ok::<(), fheqat_runtime::data::DataError>(())
//! ```

mod checkerboard;
mod choose;
pub mod csv;
mod error;
pub(crate) mod feature;
pub mod idx;
mod rows;
mod shift;
mod split;
mod unpack;

use std::{collections::BTreeSet, sync::Arc};

use ndarray::{Array2, ArrayView2};

pub use checkerboard::{checkerboard, checkerboard_points};
pub use error::DataError;
pub use feature::{Feature, FeatureKind};

/// The largest number of a file: training squares numbers and adds the squares, in 32 bits.
pub(crate) const LARGEST: f32 = 1e18;

/// Features and what to predict from them.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    features: Array2<f32>,
    targets: Targets,
    /// Of each class or label; empty where targets are numbers.
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
    /// Whether each label holds of each sample, `[samples, labels]`: any number of them may.
    Labels(Array2<bool>),
}

impl Dataset {
    /// Features `[samples, features]` with a class of each sample; [`classes_from_rows`](Self::classes_from_rows) takes
    /// vectors.
    ///
    /// # Errors
    /// When there is no data, a feature is NaN or infinite, the numbers of samples differ, or a label is not in
    /// `0..classes`.
    pub fn classes(features: Array2<f32>, labels: Vec<usize>, classes: usize) -> Result<Self, DataError> {
        Self::classes_with_missing(features, labels, classes)?.complete()
    }

    /// The same where a feature that is NaN is missing.
    ///
    /// ```
    /// use fheqat_runtime::data::Dataset;
    /// use ndarray::array;
    ///
    /// let features = array![[0.2, 1.0], [f32::NAN, 3.0]];
    /// let data = Dataset::classes_with_missing(features, vec![0, 1], 2)?;
    /// assert!(data.has_missing());
    /// # Ok::<(), fheqat_runtime::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// As [`classes`](Self::classes), but a feature may be NaN.
    pub fn classes_with_missing(
        features: Array2<f32>,
        labels: Vec<usize>,
        classes: usize,
    ) -> Result<Self, DataError> {
        check_features(&features, labels.len())?;
        if let Some((row, &label)) = labels.iter().enumerate().find(|(_, label)| **label >= classes) {
            return Err(DataError::Label { row, label, classes });
        }
        Ok(Self::of(features, Targets::Classes { labels, classes }, classes))
    }

    /// Features `[samples, features]` with numbers to predict, `[samples, outputs]`;
    /// [`values_from_rows`](Self::values_from_rows) takes vectors.
    ///
    /// # Errors
    /// When there is no data, a number is NaN or infinite, or the numbers of samples differ.
    pub fn values(features: Array2<f32>, values: Array2<f32>) -> Result<Self, DataError> {
        Self::values_with_missing(features, values)?.complete()
    }

    /// The same where a feature that is NaN is missing; no target may be.
    ///
    /// # Errors
    /// As [`values`](Self::values), but a feature may be NaN.
    pub fn values_with_missing(features: Array2<f32>, values: Array2<f32>) -> Result<Self, DataError> {
        check_features(&features, values.nrows())?;
        check_some(&values)?;
        check_finite(&values, "targets", f32::is_finite)?;
        Ok(Self::of(features, Targets::Values(standard(values)), 0))
    }

    /// Features `[samples, features]` with labels of which any number may hold of a sample, `[samples, labels]`;
    /// [`multi_label_from_rows`](Self::multi_label_from_rows) takes vectors.
    ///
    /// # Errors
    /// When there is no data, a feature is NaN or infinite, or the numbers of samples differ.
    pub fn multi_label(features: Array2<f32>, labels: Array2<bool>) -> Result<Self, DataError> {
        Self::multi_label_with_missing(features, labels)?.complete()
    }

    /// The same where a feature that is NaN is missing.
    ///
    /// # Errors
    /// As [`multi_label`](Self::multi_label), but a feature may be NaN.
    pub fn multi_label_with_missing(features: Array2<f32>, labels: Array2<bool>) -> Result<Self, DataError> {
        check_features(&features, labels.nrows())?;
        check_some(&labels)?;
        let count = labels.ncols();
        Ok(Self::of(features, Targets::Labels(standard(labels)), count))
    }

    /// Of what has been checked, with numbers for names.
    fn of(features: Array2<f32>, targets: Targets, names: usize) -> Self {
        let described = Feature::numbered(features.ncols());
        let class_names = (0..names).map(|class| class.to_string()).collect();
        Self { features: standard(features), targets, class_names, described }
    }

    /// Itself where no feature is missing.
    fn complete(self) -> Result<Self, DataError> {
        check_finite(&self.features, "features", f32::is_finite)?;
        Ok(self)
    }

    /// Whether a feature of a sample is missing, which is NaN there.
    #[must_use]
    pub fn has_missing(&self) -> bool {
        self.features.iter().any(|feature| feature.is_nan())
    }

    /// The same with names for its classes or labels, in their order; they are numbers till then.
    ///
    /// # Errors
    /// When there is not one name for each, different from the others.
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

    /// The class of each sample; nothing where the targets are numbers or several labels.
    #[must_use]
    pub fn labels(&self) -> &[usize] {
        match &self.targets {
            Targets::Classes { labels, .. } => labels,
            Targets::Values(_) | Targets::Labels(_) => &[],
        }
    }

    /// The name of each class, or of each label; nothing where the targets are numbers.
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

    /// The same samples with other numbers to predict, of the same shape.
    pub(crate) fn with_values(&self, values: Array2<f32>) -> Self {
        Self { targets: Targets::Values(standard(values)), ..self.clone() }
    }
}

fn standard<T: Clone>(array: Array2<T>) -> Array2<T> {
    if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() }
}

fn check_some<T>(array: &Array2<T>) -> Result<(), DataError> {
    let (rows, columns) = array.dim();
    if rows == 0 || columns == 0 { Err(DataError::Empty { rows, columns }) } else { Ok(()) }
}

fn check_features(features: &Array2<f32>, targets: usize) -> Result<(), DataError> {
    check_some(features)?;
    if features.nrows() != targets {
        return Err(DataError::Rows { features: features.nrows(), targets });
    }
    check_finite(features, "features", |feature| !feature.is_infinite())
}

fn check_finite(
    array: &Array2<f32>,
    part: &'static str,
    is_right: impl Fn(f32) -> bool,
) -> Result<(), DataError> {
    match array.indexed_iter().find(|(_, value)| !is_right(**value)) {
        Some(((row, column), &value)) => Err(DataError::NotFinite { part, row, column, value }),
        None => Ok(()),
    }
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
            "row 1, column 1 of the features is NaN: fill in or drop missing values, or keep them with `classes_with_missing` and its likes"
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
    fn only_features_may_be_missing_and_only_where_that_is_said() {
        let features = array![[0.0, 1.0], [f32::NAN, 3.0]];
        let (labels, values) = (array![[true], [false]], array![[1.0], [2.0]]);
        let kept = [
            Dataset::classes_with_missing(features.clone(), vec![0, 1], 2),
            Dataset::values_with_missing(features.clone(), values.clone()),
            Dataset::multi_label_with_missing(features.clone(), labels.clone()),
        ];
        assert!(kept.iter().all(|data| data.as_ref().unwrap().has_missing()));
        let refused = [
            Dataset::classes(features.clone(), vec![0, 1], 2),
            Dataset::values(features.clone(), values),
            Dataset::multi_label(features, labels.clone()),
        ];
        for data in refused {
            assert!(matches!(data, Err(DataError::NotFinite { part: "features", row: 1, column: 0, .. })));
        }
        let infinite = array![[0.0, f32::NEG_INFINITY], [0.0, 3.0]];
        assert_eq!(
            Dataset::multi_label_with_missing(infinite, labels).unwrap_err().to_string(),
            "row 0, column 1 of the features is -inf: replace it or drop the row"
        );
        assert_eq!(
            Dataset::values_with_missing(array![[0.0], [1.0]], array![[0.0], [f32::NAN]])
                .unwrap_err()
                .to_string(),
            "row 1, column 0 of the targets is NaN: replace it or drop the row"
        );
    }

    #[test]
    fn labels_of_which_several_hold_have_names() {
        let features = array![[0.0], [1.0]];
        let labels = array![[true, false, true], [false, false, false]];
        let data = Dataset::multi_label(features.clone(), labels.clone()).unwrap();
        assert_eq!((data.targets(), data.labels()), (&Targets::Labels(labels.clone()), &[][..]));
        assert_eq!(data.class_names(), ["0", "1", "2"]);
        let names = ["wet", "cold", "windy"].map(str::to_owned).to_vec();
        assert_eq!(data.clone().with_class_names(names.clone()).unwrap().class_names(), names);
        assert_eq!(
            data.with_class_names(names[1..].to_vec()),
            Err(DataError::Names { names: 2, classes: 3 })
        );
        let rows = labels.rows().into_iter().map(|row| row.to_vec());
        assert_eq!(
            Dataset::multi_label_from_rows([[0.0], [1.0]], rows),
            Dataset::multi_label(features.clone(), labels)
        );
        assert_eq!(
            Dataset::multi_label(features.clone(), Array2::default((2, 0))),
            Err(DataError::Empty { rows: 2, columns: 0 })
        );
        assert_eq!(
            Dataset::multi_label(features, Array2::default((1, 1))),
            Err(DataError::Rows { features: 2, targets: 1 })
        );
    }
}
