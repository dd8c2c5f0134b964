//! Data that nothing can be learned from.

use thiserror::Error;

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
    /// A feature or target that is not a number, where none may be missing.
    #[error("row {row}, column {column} of the {part} is {value}: {}", mend(part, *value))]
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
    /// Names that are not one for each class or label.
    #[error("there are {names} different names for {classes} classes: give one name for each")]
    Names {
        /// Different names given.
        names: usize,
        /// How many classes or labels there are.
        classes: usize,
    },
    /// Descriptions that are not one for each feature.
    #[error(
        "{found} features are described, but samples have {expected}: describe each of them, in their order"
    )]
    Described {
        /// Features described.
        found: usize,
        /// Features of a sample.
        expected: usize,
    },
    /// A name that is given twice, of features or of the categories of one.
    #[error("{what} are named `{name}`: give each a name of its own")]
    Twice {
        /// `two features`, or two categories of which feature.
        what: String,
        /// Their name.
        name: String,
    },
    /// A number that is no index of a category.
    #[error(
        "row {row} has {value} for `{feature}`, which has {categories} categories: give an index of one, from 0, or {categories} for a category without a name"
    )]
    Category {
        /// The sample.
        row: usize,
        /// The feature's name.
        feature: String,
        /// What is there.
        value: f32,
        /// Categories that have a name.
        categories: usize,
    },
    /// A sample that is not there.
    #[error("row {row} was asked for, but there are {rows} samples, numbered from 0")]
    Row {
        /// The row asked for.
        row: usize,
        /// Samples there are.
        rows: usize,
    },
    /// Two sets of data that are not of one kind.
    #[error(
        "the {part} of the two differ, {here} and {there}: build both alike; a second file is read with the `features` and `classes` of the first"
    )]
    Unlike {
        /// `features` or `targets`.
        part: &'static str,
        /// What they are in the first.
        here: String,
        /// What they are in the second.
        there: String,
    },
    /// Folds that would be empty.
    #[error(
        "{rows} samples cannot be dealt into {folds} folds: give from 2 up to as many as there are samples"
    )]
    Folds {
        /// Folds asked for.
        folds: usize,
        /// Samples there are.
        rows: usize,
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

/// What to do about a number that is none.
fn mend(part: &str, value: f32) -> &'static str {
    if part == "features" && value.is_nan() {
        "fill in or drop missing values, or keep them with `classes_with_missing` and its likes"
    } else {
        "replace it or drop the row"
    }
}
