//! Some of the samples, in another order, or more of them.

use std::sync::Arc;

use ndarray::{Array2, Axis, concatenate};
use rand::seq::SliceRandom;

use super::{DataError, Dataset, Targets};
use crate::Seed;

/// The stream of a seed that orders samples.
const SHUFFLE: u64 = 1;

impl Dataset {
    /// The samples at `rows`, in that order; one may come twice.
    ///
    /// ```
    /// use fheqat_runtime::data::Dataset;
    ///
    /// let data = Dataset::classes_from_rows([[0.1], [0.2], [0.3]], vec![0, 1, 0], 2)?;
    /// assert_eq!(data.select(&[2, 1, 2])?.labels(), [0, 1, 0]);
    /// assert!(data.select(&[3]).is_err());
    /// # Ok::<(), fheqat_runtime::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such row, or none is chosen.
    pub fn select(&self, rows: &[usize]) -> Result<Self, DataError> {
        if rows.is_empty() {
            return Err(DataError::Empty { rows: 0, columns: self.width() });
        }
        match rows.iter().find(|row| **row >= self.len()) {
            Some(&row) => Err(DataError::Row { row, rows: self.len() }),
            None => Ok(self.pick(rows)),
        }
    }

    /// The samples at `rows`, each in `0..len()`, at least one.
    #[must_use]
    pub(crate) fn pick(&self, rows: &[usize]) -> Self {
        let targets = match &self.targets {
            Targets::Classes { labels, classes } => {
                Targets::Classes { labels: rows.iter().map(|&row| labels[row]).collect(), classes: *classes }
            }
            Targets::Values(values) => Targets::Values(values.select(Axis(0), rows)),
            Targets::Labels(labels) => Targets::Labels(labels.select(Axis(0), rows)),
        };
        self.with_samples(self.features.select(Axis(0), rows), targets)
    }

    /// The same kind of data of other samples.
    fn with_samples(&self, features: Array2<f32>, targets: Targets) -> Self {
        let (class_names, described) = (Arc::clone(&self.class_names), Arc::clone(&self.described));
        Self { features, targets, class_names, described }
    }

    /// The samples of both, these first.
    ///
    /// # Errors
    /// When the two differ in names or kinds of their features, in the kind of their targets, in how many of those there are, or
    /// in their names.
    pub fn concat(&self, other: &Self) -> Result<Self, DataError> {
        let unlike = |part, here: String, there: String| DataError::Unlike { part, here, there };
        if self.width() != other.width() {
            let [here, there] = [self, other].map(|data| format!("{} of them", data.width()));
            return Err(unlike("features", here, there));
        }
        if let Some((here, there)) =
            self.described.iter().zip(other.described.iter()).find(|(here, there)| here != there)
        {
            return Err(unlike("features", here.to_string(), there.to_string()));
        }
        let targets = match (&self.targets, &other.targets) {
            (Targets::Classes { labels, classes }, Targets::Classes { labels: more, .. })
                if self.class_names == other.class_names =>
            {
                Targets::Classes { labels: [&labels[..], more].concat(), classes: *classes }
            }
            (Targets::Values(values), Targets::Values(more)) if values.ncols() == more.ncols() => {
                Targets::Values(behind(values, more))
            }
            (Targets::Labels(labels), Targets::Labels(more)) if self.class_names == other.class_names => {
                Targets::Labels(behind(labels, more))
            }
            (
                Targets::Classes { .. } | Targets::Values(_) | Targets::Labels(_),
                Targets::Classes { .. } | Targets::Values(_) | Targets::Labels(_),
            ) => return Err(unlike("targets", self.describe_targets(), other.describe_targets())),
        };
        Ok(self.with_samples(behind(&self.features, &other.features), targets))
    }

    fn describe_targets(&self) -> String {
        let names = self.class_names.join("`, `");
        match &self.targets {
            Targets::Classes { .. } => format!("classes `{names}`"),
            Targets::Values(values) => format!("{} numbers", values.ncols()),
            Targets::Labels(_) => format!("labels `{names}`"),
        }
    }

    /// At most `most` of the samples, evenly picked.
    pub(crate) fn thinned(&self, most: usize) -> Self {
        let stride = self.len().div_ceil(most);
        self.pick(&(0..self.len()).step_by(stride).collect::<Vec<_>>())
    }

    /// The samples in another order.
    #[must_use]
    pub fn shuffled(&self, seed: Seed) -> Self {
        self.pick(&self.order(seed, SHUFFLE))
    }

    /// Every row once, in an order of the seed's.
    pub(super) fn order(&self, seed: Seed, stream: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.shuffle(&mut seed.rng(stream));
        order
    }
}

/// The rows of both, which are as wide.
fn behind<T: Clone + Default>(first: &Array2<T>, second: &Array2<T>) -> Array2<T> {
    concatenate(Axis(0), &[first.view(), second.view()]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::data::{Feature, FeatureKind};

    fn named(data: Dataset, names: [&str; 2]) -> Dataset {
        data.with_class_names(names.map(str::to_owned).to_vec()).unwrap()
    }

    #[test]
    fn chosen_samples_keep_what_belongs_to_them() {
        let features = array![[0.0, 1.0], [2.0, 3.0], [4.0, f32::NAN]];
        let data = Dataset::classes_with_missing(features.clone(), vec![0, 1, 1], 2).unwrap();
        let data = named(data, ["no", "yes"]);
        let chosen = data.select(&[2, 0, 2]).unwrap();
        assert_eq!((chosen.labels(), chosen.class_names()), (&[1, 0, 1][..], data.class_names()));
        assert_eq!(chosen.features().column(0).to_vec(), [4.0, 0.0, 4.0]);
        assert!(chosen.has_missing() && !data.select(&[1]).unwrap().has_missing());
        let labels = array![[true, false], [false, false], [true, true]];
        let several = Dataset::multi_label_with_missing(features.clone(), labels).unwrap();
        let several = named(several, ["wet", "cold"]);
        let chosen = several.select(&[2, 1]).unwrap();
        assert_eq!(chosen.targets(), &Targets::Labels(array![[true, true], [false, false]]));
        assert_eq!((chosen.labels(), chosen.class_names()), (&[][..], several.class_names()));
        let values = Dataset::values_with_missing(features, array![[1.0], [2.0], [3.0]]).unwrap();
        assert_eq!(values.select(&[1]).unwrap().targets(), &Targets::Values(array![[2.0]]));
        assert_eq!(
            data.select(&[0, 3]).unwrap_err().to_string(),
            "row 3 was asked for, but there are 3 samples, numbered from 0"
        );
        assert_eq!(data.select(&[]), Err(DataError::Empty { rows: 0, columns: 2 }));
    }

    #[test]
    fn joined_data_has_the_samples_of_both() {
        let features = array![[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]];
        let classes = Dataset::classes(features.clone(), vec![0, 1, 1], 2).unwrap();
        let values = Dataset::values(features.clone(), array![[1.0], [2.0], [3.0]]).unwrap();
        let labels = array![[true, false], [false, false], [true, true]];
        let several = Dataset::multi_label(features, labels).unwrap();
        for data in [classes, values, several] {
            let [first, second] = [&[0, 1][..], &[2]].map(|rows| data.select(rows).unwrap());
            assert_eq!(first.concat(&second).unwrap(), data);
            assert_eq!(second.concat(&first).unwrap(), data.select(&[2, 0, 1]).unwrap());
        }
    }

    #[test]
    fn data_of_two_kinds_is_not_joined() {
        let features = array![[0.0, 1.0], [1.0, 0.0]];
        let data = Dataset::classes(features.clone(), vec![0, 1], 2).unwrap();
        let message = |other: &Dataset| data.concat(other).unwrap_err().to_string();
        let narrow = Dataset::classes(array![[0.0]], vec![0], 2).unwrap();
        assert!(message(&narrow).starts_with("the features of the two differ, 2 of them and 1 of them: "));
        let kind = FeatureKind::Category { names: vec!["a".to_owned()] };
        let mut described = data.described().to_vec();
        described[1].kind = kind;
        let categories = data.clone().with_features(described).unwrap();
        assert!(
            message(&categories)
                .starts_with("the features of the two differ, `1`, a number and `1`, a category of `a`: ")
        );
        let renamed = ["0", "x"].map(|name| Feature { name: name.to_owned(), kind: FeatureKind::Number });
        assert!(data.concat(&data.clone().with_features(renamed.to_vec()).unwrap()).is_err());
        let values = Dataset::values(features.clone(), array![[1.0], [2.0]]).unwrap();
        assert!(
            message(&values).starts_with("the targets of the two differ, classes `0`, `1` and 1 numbers: ")
        );
        let several = Dataset::multi_label(features.clone(), array![[true, false], [true, true]]).unwrap();
        assert!(message(&several).contains("classes `0`, `1` and labels `0`, `1`: "));
        assert!(message(&named(data.clone(), ["no", "yes"])).contains(" and classes `no`, `yes`: "));
        let wide = Dataset::values(features, array![[1.0, 2.0], [2.0, 3.0]]).unwrap();
        assert!(values.concat(&wide).unwrap_err().to_string().contains("1 numbers and 2 numbers: "));
    }
}
