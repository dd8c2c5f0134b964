//! What the columns of a table are.

use std::{collections::BTreeSet, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{DataError, Dataset};

/// A feature of the samples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// Its name in the file's header, else its index.
    pub name: String,
    /// What its numbers mean.
    pub kind: FeatureKind,
}

/// What the numbers of a feature mean. NaN is a missing value of either kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeatureKind {
    /// A quantity.
    Number,
    /// An index into the names of categories; a category without a name has the index behind the last.
    Category {
        /// The categories of the training samples, in order.
        names: Vec<String>,
    },
}

impl Feature {
    /// Numbers that are named by their index.
    pub(crate) fn numbered(count: usize) -> Arc<[Self]> {
        (0..count).map(|index| Self { name: index.to_string(), kind: FeatureKind::Number }).collect()
    }
}

/// The name that a class or category has which is written as a number, so that `1` and `1.0` are one; `None` of other text.
pub(crate) fn name_of_number(text: &str) -> Option<String> {
    const WHOLE: f64 = (1u64 << 53) as f64;
    if let Ok(whole) = text.parse::<i128>() {
        return Some(whole.to_string());
    }
    match text.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < WHOLE => Some((number as i64).to_string()),
        Ok(number) if number.is_finite() => Some(number.to_string()),
        _ => None,
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            FeatureKind::Number => write!(f, "`{}`, a number", self.name),
            FeatureKind::Category { names } => {
                write!(f, "`{}`, a category of `{}`", self.name, names.join("`, `"))
            }
        }
    }
}

impl Dataset {
    /// The same with names and kinds of its features, in their order; they are numbers, named by their index, till then.
    ///
    /// ```
    /// use fheqat_runtime::data::{Dataset, Feature, FeatureKind};
    ///
    /// let data = Dataset::classes_from_rows([[1.5, 0.0], [2.5, 1.0]], vec![0, 1], 2)?;
    /// let names = vec!["red".to_owned(), "green".to_owned()];
    /// let data = data.with_features(vec![
    ///     Feature { name: "width".to_owned(), kind: FeatureKind::Number },
    ///     Feature { name: "colour".to_owned(), kind: FeatureKind::Category { names } },
    /// ])?;
    /// assert_eq!(data.described()[1].name, "colour");
    /// # Ok::<(), fheqat_runtime::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// When there is not one for each feature, two have one name, or two categories of a feature have; when a number of a
    /// category is no whole number from 0 up to as many categories as have a name, which stands for any other one.
    pub fn with_features(self, features: Vec<Feature>) -> Result<Self, DataError> {
        if features.len() != self.width() {
            return Err(DataError::Described { found: features.len(), expected: self.width() });
        }
        check_names(features.iter().map(|feature| &feature.name), || "two features".to_owned())?;
        for (feature, column) in features.iter().zip(self.features.columns()) {
            let FeatureKind::Category { names } = &feature.kind else { continue };
            check_names(names, || format!("two categories of `{}`", feature.name))?;
            let is_index = |value: f32| (0..=names.len()).contains(&(value as usize)) && value.fract() == 0.0;
            let wrong = column
                .iter()
                .enumerate()
                .find(|(_, value)| !(value.is_nan() || **value >= 0.0 && is_index(**value)));
            if let Some((row, &value)) = wrong {
                let (feature, categories) = (feature.name.clone(), names.len());
                return Err(DataError::Category { row, feature, value, categories });
            }
        }
        Ok(Self { described: features.into(), ..self })
    }
}

fn check_names<'a>(
    names: impl IntoIterator<Item = &'a String>,
    what: impl Fn() -> String,
) -> Result<(), DataError> {
    let mut seen = BTreeSet::new();
    match names.into_iter().find(|name| !seen.insert(*name)) {
        Some(name) => Err(DataError::Twice { what: what(), name: name.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn category(name: &str, names: &[&str]) -> Feature {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Feature { name: name.to_owned(), kind: FeatureKind::Category { names } }
    }

    fn number(name: &str) -> Feature {
        Feature { name: name.to_owned(), kind: FeatureKind::Number }
    }

    #[test]
    fn categories_are_indices_of_their_names_or_one_behind() {
        let of = |values: [f32; 2]| {
            let features = array![[0.5, values[0]], [-1.5, values[1]]];
            let data = Dataset::classes_with_missing(features, vec![0, 1], 2).unwrap();
            data.with_features(vec![number("x"), category("colour", &["red", "green"])])
        };
        let data = of([2.0, f32::NAN]).unwrap();
        assert_eq!(data.described(), [number("x"), category("colour", &["red", "green"])]);
        for values in [[0.0, 3.0], [0.0, -1.0], [1.0, 0.5], [0.0, -0.5], [0.0, 1e20]] {
            assert_eq!(
                of(values),
                Err(DataError::Category {
                    row: 1,
                    feature: "colour".to_owned(),
                    value: values[1],
                    categories: 2
                })
            );
        }
        assert_eq!(
            of([5.0, 0.0]).unwrap_err().to_string(),
            "row 0 has 5 for `colour`, which has 2 categories: give an index of one, from 0, or 2 for a category without a name"
        );
    }

    #[test]
    fn features_are_described_one_by_one() {
        let data = Dataset::classes(array![[0.0, 1.0], [1.0, 0.0]], vec![0, 1], 2).unwrap();
        let message = |features| data.clone().with_features(features).unwrap_err().to_string();
        assert_eq!(
            message(vec![number("x")]),
            "1 features are described, but samples have 2: describe each of them, in their order"
        );
        assert_eq!(
            message(vec![number("x"), number("x")]),
            "two features are named `x`: give each a name of its own"
        );
        assert_eq!(
            message(vec![number("x"), category("y", &["a", "a"])]),
            "two categories of `y` are named `a`: give each a name of its own"
        );
    }
}
