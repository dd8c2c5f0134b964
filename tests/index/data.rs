//! Data that nothing can be learned from.

use fheqat::{
    Seed,
    data::{self, DataError, Dataset, Feature, FeatureKind},
    ndarray::array,
};

/// `DataError::Empty`
#[test]
fn data_error_empty() {
    // Shown:
    let nothing: [[f32; 2]; 0] = [];
    let error = Dataset::classes_from_rows(nothing, vec![], 2).unwrap_err();
    assert!(matches!(error, DataError::Empty { .. }), "{error:?}");
    assert_eq!(error.to_string(), "the data has 0 samples of 0 features: give at least one of each");

    Dataset::classes_from_rows([[1.5, 0.0]], vec![1], 2).unwrap();
}

/// `DataError::Ragged`
#[test]
fn data_error_ragged() {
    // Shown:
    let rows = [vec![1.0, 2.0], vec![3.0]];
    let error = Dataset::classes_from_rows(rows, vec![0, 1], 2).unwrap_err();
    assert!(matches!(error, DataError::Ragged { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "row 1 of the features has 1 numbers, but row 0 has 2: give each row as many"
    );

    let rows = [vec![1.0, 2.0], vec![3.0, 4.0]];
    Dataset::classes_from_rows(rows, vec![0, 1], 2).unwrap();
}

/// `DataError::NotFinite`
#[test]
fn data_error_not_finite() {
    // Shown:
    let features = array![[1.0], [f32::NAN]];
    let error = Dataset::classes(features.clone(), vec![0, 1], 2).unwrap_err();
    assert!(matches!(error, DataError::NotFinite { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "row 1, column 0 of the features is NaN: fill in or drop missing values, or keep them with `classes_with_missing` and its likes"
    );

    Dataset::classes_with_missing(features, vec![0, 1], 2).unwrap();
}

/// `DataError::Label`
#[test]
fn data_error_label() {
    // Shown:
    let rows = [[1.0], [2.0]];
    let error = Dataset::classes_from_rows(rows, vec![1, 2], 2).unwrap_err();
    assert!(matches!(error, DataError::Label { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "row 1 has label 2, but 2 classes are numbered 0 to 1: renumber the labels or give more classes"
    );

    Dataset::classes_from_rows(rows, vec![0, 1], 2).unwrap();
}

/// `DataError::Rows`
#[test]
fn data_error_rows() {
    // Shown:
    let rows = [[1.0], [2.0]];
    let error = Dataset::classes_from_rows(rows, vec![1], 2).unwrap_err();
    assert!(matches!(error, DataError::Rows { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "there are 2 rows of features, but 1 targets: give one target for each row"
    );

    Dataset::classes_from_rows(rows, vec![1, 0], 2).unwrap();
}

/// `DataError::Names`
#[test]
fn data_error_names() {
    // Shown:
    let data = Dataset::classes_from_rows([[1.0, 0.0], [2.0, 3.0]], vec![0, 1], 2).unwrap();
    let error = data.clone().with_class_names(vec!["cat".to_owned()]).unwrap_err();
    assert!(matches!(error, DataError::Names { .. }), "{error:?}");
    assert_eq!(error.to_string(), "there are 1 different names for 2 classes: give one name for each");

    data.with_class_names(vec!["cat".to_owned(), "dog".to_owned()]).unwrap();
}

/// `DataError::Described`
#[test]
fn data_error_described() {
    let data = Dataset::classes_from_rows([[1.0, 0.0], [2.0, 3.0]], vec![0, 1], 2).unwrap();
    let number = |name: &str| Feature { name: name.to_owned(), kind: FeatureKind::Number };
    // Shown:
    let error = data.clone().with_features(vec![number("width")]).unwrap_err();
    assert!(matches!(error, DataError::Described { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "1 features are described, but samples have 2: describe each of them, in their order"
    );

    data.with_features(vec![number("width"), number("height")]).unwrap();
}

/// `DataError::Twice`
#[test]
fn data_error_twice() {
    let data = Dataset::classes_from_rows([[1.0, 0.0], [2.0, 3.0]], vec![0, 1], 2).unwrap();
    let number = |name: &str| Feature { name: name.to_owned(), kind: FeatureKind::Number };
    // Shown:
    let error = data.clone().with_features(vec![number("width"), number("width")]).unwrap_err();
    assert!(matches!(error, DataError::Twice { .. }), "{error:?}");
    assert_eq!(error.to_string(), "two features are named `width`: give each a name of its own");

    data.with_features(vec![number("width"), number("height")]).unwrap();
}

/// `DataError::Category`
#[test]
fn data_error_category() {
    let data = Dataset::classes_from_rows([[0.0], [3.0]], vec![0, 1], 2).unwrap();
    // Shown:
    let colour = |names: &[&str]| Feature {
        name: "colour".to_owned(),
        kind: FeatureKind::Category { names: names.iter().map(|name| (*name).to_owned()).collect() },
    };
    let error = data.clone().with_features(vec![colour(&["red", "green"])]).unwrap_err();
    assert!(matches!(error, DataError::Category { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "row 1 has 3 for `colour`, which has 2 categories: give an index of one, from 0, or 2 for a category without a name"
    );

    data.with_features(vec![colour(&["red", "green", "blue", "black"])]).unwrap();
}

/// `DataError::Row`
#[test]
fn data_error_row() {
    let data = Dataset::classes_from_rows([[1.0, 0.0], [2.0, 3.0]], vec![0, 1], 2).unwrap();
    // Shown:
    let error = data.select(&[0, 2]).unwrap_err();
    assert!(matches!(error, DataError::Row { .. }), "{error:?}");
    assert_eq!(error.to_string(), "row 2 was asked for, but there are 2 samples, numbered from 0");

    data.select(&[0, 1]).unwrap();
}

/// `DataError::Unlike`
#[test]
fn data_error_unlike() {
    let data = Dataset::classes_from_rows([[1.0, 0.0], [2.0, 3.0]], vec![0, 1], 2).unwrap();
    // Shown:
    let narrow = Dataset::classes_from_rows([[1.0]], vec![0], 2).unwrap();
    let error = data.concat(&narrow).unwrap_err();
    assert!(matches!(error, DataError::Unlike { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the features of the two differ, 2 of them and 1 of them: build both alike; a second file is read with the `features` and `classes` of the first"
    );

    let wide = Dataset::classes_from_rows([[1.0, 5.0]], vec![0], 2).unwrap();
    data.concat(&wide).unwrap();
}

/// `DataError::Folds`
#[test]
fn data_error_folds() {
    let data = Dataset::classes_from_rows([[1.0, 0.0], [2.0, 3.0]], vec![0, 1], 2).unwrap();
    // Shown:
    let error = data.folds(3, Seed(0)).err().unwrap();
    assert!(matches!(error, DataError::Folds { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "2 samples cannot be dealt into 3 folds: give from 2 up to as many as there are samples"
    );

    assert_eq!(data.folds(2, Seed(0)).unwrap().len(), 2);
}

/// `DataError::Image`
#[test]
fn data_error_image() {
    // Shown:
    let data = Dataset::classes_from_rows([[1.0, 0.0, 2.0, 3.0]], vec![0], 2).unwrap(); // 2 by 2 pixels
    let error = data.with_shifted([1, 28, 28], 1, 1, Seed(0)).unwrap_err();
    assert!(matches!(error, DataError::Image { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "samples have 4 features, but an image of [1, 28, 28] has another number: give the shape of one sample, channels first"
    );

    data.with_shifted([1, 2, 2], 1, 1, Seed(0)).unwrap();
}

/// `DataError::Reach`
#[test]
fn data_error_reach() {
    // Shown:
    let data = Dataset::classes_from_rows([[1.0, 0.0, 2.0, 3.0]], vec![0], 2).unwrap(); // 2 by 2 pixels
    let error = data.with_shifted([1, 2, 2], 2, 1, Seed(0)).unwrap_err();
    assert!(matches!(error, DataError::Reach { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "a reach of 2 moves all of an image of [1, 2, 2] out of its frame: give at most 1"
    );

    data.with_shifted([1, 2, 2], 1, 1, Seed(0)).unwrap();
}

/// `DataError::Copies`
#[test]
fn data_error_copies() {
    // Shown:
    let data = Dataset::classes_from_rows([[1.0, 0.0, 2.0, 3.0]], vec![0], 2).unwrap(); // 2 by 2 pixels
    let error = data.with_shifted([1, 2, 2], 1, 9, Seed(0)).unwrap_err();
    assert!(matches!(error, DataError::Copies { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "9 shifted copies of each image were asked for, but a reach of 1 has 8 shifts: ask for fewer, or reach further"
    );

    data.with_shifted([1, 2, 2], 1, 8, Seed(0)).unwrap();
}

/// `DataError::Fractions`
#[test]
fn data_error_fractions() {
    let (data, _) = data::checkerboard(Seed(0));
    // Shown:
    let error = data.parts([0.7, 0.2], Seed(0)).unwrap_err();
    assert!(matches!(error, DataError::Fractions { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the fractions [0.7, 0.2] are no shares of a whole: give positive ones that sum to 1"
    );

    data.parts([0.8, 0.2], Seed(0)).unwrap();
}

/// `DataError::Part`
#[test]
fn data_error_part() {
    let data = Dataset::classes_from_rows([[1.0, 0.0], [2.0, 3.0]], vec![0, 1], 2).unwrap();
    // Shown:
    let error = data.parts([0.9, 0.1], Seed(0)).unwrap_err();
    assert!(matches!(error, DataError::Part { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the fractions [0.9, 0.1] of 2 samples leave part 1 (from 0) empty: give it a larger one"
    );

    data.parts([0.5, 0.5], Seed(0)).unwrap();
}

/// `DataError::Split`
#[test]
fn data_error_split() {
    let data = Dataset::classes_from_rows([[1.0, 0.0], [2.0, 3.0]], vec![0, 1], 2).unwrap();
    // Shown:
    let error = data.split(0.1, Seed(0)).unwrap_err();
    assert!(matches!(error, DataError::Split { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "a fraction of 0.1 splits 2 samples into 2 and 0: give a fraction that leaves samples on both sides"
    );

    data.split(0.5, Seed(0)).unwrap();
}
