//! Samples from rows of numbers, for those who have no arrays.

use ndarray::Array2;

use super::{DataError, Dataset};

impl Dataset {
    /// Rows of features, one a sample, with a class of each in `0..classes`. A row is a `Vec<f32>`, an array or a slice.
    ///
    /// ```
    /// use fheqat_runtime::data::Dataset;
    ///
    /// let points = vec![vec![0.2, 0.9], vec![0.7, 0.1], vec![0.8, 0.3]];
    /// let data = Dataset::classes_from_rows(points, vec![0, 1, 1], 2)?;
    /// assert_eq!((data.len(), data.width()), (3, 2));
    /// # Ok::<(), fheqat_runtime::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// When rows have different lengths, and as [`classes`](Self::classes).
    pub fn classes_from_rows<R: AsRef<[f32]>>(
        rows: impl IntoIterator<Item = R>,
        labels: Vec<usize>,
        classes: usize,
    ) -> Result<Self, DataError> {
        Self::classes(array(rows, "features")?, labels, classes)
    }

    /// Rows of features, one a sample, with a row of numbers to predict from each.
    ///
    /// ```
    /// use fheqat_runtime::data::Dataset;
    ///
    /// let (metres, litres) = ([[1.0, 2.0], [3.0, 4.0]], [[2.0], [12.0]]);
    /// let data = Dataset::values_from_rows(metres, litres)?;
    /// assert_eq!((data.len(), data.width()), (2, 2));
    /// # Ok::<(), fheqat_runtime::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// When rows of one side have different lengths, and as [`values`](Self::values).
    pub fn values_from_rows<F: AsRef<[f32]>, V: AsRef<[f32]>>(
        rows: impl IntoIterator<Item = F>,
        values: impl IntoIterator<Item = V>,
    ) -> Result<Self, DataError> {
        Self::values(array(rows, "features")?, array(values, "targets")?)
    }

    /// Rows of features, one a sample, with a row that says of each label whether it holds.
    ///
    /// # Errors
    /// When rows of one side have different lengths, and as [`multi_label`](Self::multi_label).
    pub fn multi_label_from_rows<F: AsRef<[f32]>, L: AsRef<[bool]>>(
        rows: impl IntoIterator<Item = F>,
        labels: impl IntoIterator<Item = L>,
    ) -> Result<Self, DataError> {
        Self::multi_label(array(rows, "features")?, array(labels, "targets")?)
    }
}

/// Rows of one length as an array.
fn array<T: Clone + Default, R: AsRef<[T]>>(
    rows: impl IntoIterator<Item = R>,
    part: &'static str,
) -> Result<Array2<T>, DataError> {
    let (mut numbers, mut count, mut width) = (Vec::new(), 0, 0);
    for row in rows {
        let row = row.as_ref();
        if count == 0 {
            width = row.len();
        }
        if row.len() != width {
            return Err(DataError::Ragged { part, row: count, found: row.len(), expected: width });
        }
        numbers.extend_from_slice(row);
        count += 1;
    }
    Ok(Array2::from_shape_vec((count, width), numbers).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn rows_are_the_array_they_spell() {
        let rows = vec![vec![0.0, 1.0], vec![2.0, 3.0], vec![4.0, 5.0]];
        let features = array![[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]];
        assert_eq!(
            Dataset::classes_from_rows(&rows, vec![0, 1, 0], 2),
            Dataset::classes(features.clone(), vec![0, 1, 0], 2)
        );
        let values = array![[1.0], [2.0], [3.0]];
        assert_eq!(
            Dataset::values_from_rows(&rows, [[1.0], [2.0], [3.0]]),
            Dataset::values(features, values)
        );
    }

    #[test]
    fn rows_that_make_no_data_are_refused() {
        let message = |rows: Vec<Vec<f32>>, labels| {
            Dataset::classes_from_rows(rows, labels, 2).unwrap_err().to_string()
        };
        assert_eq!(
            message(vec![vec![0.0, 1.0], vec![2.0]], vec![0, 1]),
            "row 1 of the features has 1 numbers, but row 0 has 2: give each row as many"
        );
        assert_eq!(
            message(vec![], vec![]),
            "the data has 0 samples of 0 features: give at least one of each"
        );
        assert_eq!(
            message(vec![vec![], vec![]], vec![0, 1]),
            "the data has 2 samples of 0 features: give at least one of each"
        );
        assert_eq!(
            message(vec![vec![0.0]], vec![2]),
            "row 0 has label 2, but 2 classes are numbered 0 to 1: renumber the labels or give more classes"
        );
        assert_eq!(
            message(vec![vec![0.0]], vec![0, 1]),
            "there are 1 rows of features, but 2 targets: give one target for each row"
        );
        assert_eq!(
            message(vec![vec![0.0, f32::NAN]], vec![0]),
            "row 0, column 1 of the features is NaN: fill in or drop missing values, or keep them with `classes_with_missing` and its likes"
        );
        assert_eq!(
            Dataset::values_from_rows([[1.0], [2.0]], [vec![1.0, 2.0], vec![]]),
            Err(DataError::Ragged { part: "targets", row: 1, found: 0, expected: 2 })
        );
    }
}
