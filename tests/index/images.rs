//! Images that are none.

use fheqat::data::idx::{self, IdxError, IdxOptions};

/// `IdxError::File`
#[test]
fn idx_error_file() {
    let folder = tempfile::tempdir().unwrap();
    let [images, labels] = ["images", "labels"].map(|name| folder.path().join(name));
    std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 1, 7]).unwrap();
    // Shown:
    let error = idx::read(&images, &labels).unwrap_err();
    assert!(matches!(error, IdxError::File { .. }), "{error:?}");
    assert!(error.to_string().starts_with("cannot read `"));

    // One image of 1 by 2 pixels.
    std::fs::write(&images, [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20]).unwrap();
    idx::read(&images, &labels).unwrap();
}

/// `IdxError::Missing`
#[test]
fn idx_error_missing() {
    let folder = tempfile::tempdir().unwrap();
    // Shown:
    let error = idx::mnist(folder.path()).unwrap_err();
    assert!(matches!(error, IdxError::Missing { .. }), "{error:?}");
    assert!(error.to_string().ends_with(
        " has no `train-images-idx3-ubyte`, plain or `.gz`: give the folder of MNIST's four files"
    ));

    for name in ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte"] {
        std::fs::write(folder.path().join(name), [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20])
            .unwrap();
    }
    for name in ["train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"] {
        std::fs::write(folder.path().join(name), [0, 0, 8, 1, 0, 0, 0, 1, 7]).unwrap();
    }
    idx::mnist(folder.path()).unwrap();
}

/// `IdxError::Format`
#[test]
fn idx_error_format() {
    let folder = tempfile::tempdir().unwrap();
    let [images, labels] = ["images", "labels"].map(|name| folder.path().join(name));
    std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 1, 7]).unwrap();
    // Shown:
    std::fs::write(&images, b"<html>").unwrap();
    let error = idx::read(&images, &labels).unwrap_err();
    assert!(matches!(error, IdxError::Format { .. }), "{error:?}");
    assert!(
        error.to_string().ends_with(
            " is no IDX file, which starts with two zero bytes: give the file as it was published"
        )
    );

    // One image of 1 by 2 pixels.
    std::fs::write(&images, [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20]).unwrap();
    idx::read(&images, &labels).unwrap();
}

/// `IdxError::Elements`
#[test]
fn idx_error_elements() {
    let folder = tempfile::tempdir().unwrap();
    let [images, labels] = ["images", "labels"].map(|name| folder.path().join(name));
    std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 1, 7]).unwrap();
    // Shown:
    std::fs::write(&images, [0, 0, 0x0d, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0]).unwrap();
    let error = idx::read(&images, &labels).unwrap_err();
    assert!(matches!(error, IdxError::Elements { .. }), "{error:?}");
    assert!(error.to_string().ends_with(
        " has elements of type 0x0d, but images and labels are unsigned bytes, 0x08: convert them"
    ));

    // One image of 1 by 2 pixels.
    std::fs::write(&images, [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20]).unwrap();
    idx::read(&images, &labels).unwrap();
}

/// `IdxError::Dimensions`
#[test]
fn idx_error_dimensions() {
    let folder = tempfile::tempdir().unwrap();
    let [images, labels] = ["images", "labels"].map(|name| folder.path().join(name));
    std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 1, 7]).unwrap();
    std::fs::write(&images, [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20]).unwrap();
    // Shown:
    let error = idx::read(&labels, &images).unwrap_err();
    assert!(matches!(error, IdxError::Dimensions { .. }), "{error:?}");
    assert!(error.to_string().ends_with(
        " has 1 dimensions, but images have 3: give the files of images and of labels in that order"
    ));

    idx::read(&images, &labels).unwrap();
}

/// `IdxError::Length`
#[test]
fn idx_error_length() {
    let folder = tempfile::tempdir().unwrap();
    let [images, labels] = ["images", "labels"].map(|name| folder.path().join(name));
    std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 1, 7]).unwrap();
    // Shown:
    std::fs::write(&images, [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 10]).unwrap();
    let error = idx::read(&images, &labels).unwrap_err();
    assert!(matches!(error, IdxError::Length { .. }), "{error:?}");
    assert!(
        error.to_string().ends_with(" has 1 elements behind sizes [1, 1, 2]: it is damaged, fetch it again")
    );

    // One image of 1 by 2 pixels.
    std::fs::write(&images, [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20]).unwrap();
    idx::read(&images, &labels).unwrap();
}

/// `IdxError::Trailing`
#[test]
fn idx_error_trailing() {
    let folder = tempfile::tempdir().unwrap();
    let [images, labels] = ["images", "labels"].map(|name| folder.path().join(name));
    std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 1, 7]).unwrap();
    // Shown:
    std::fs::write(&images, [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20, 30]).unwrap();
    let error = idx::read(&images, &labels).unwrap_err();
    assert!(matches!(error, IdxError::Trailing { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .ends_with(" has more bytes than the elements of sizes [1, 1, 2]: it is damaged, fetch it again")
    );

    // One image of 1 by 2 pixels.
    std::fs::write(&images, [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20]).unwrap();
    idx::read(&images, &labels).unwrap();
}

/// `IdxError::Limit`
#[test]
fn idx_error_limit() {
    let folder = tempfile::tempdir().unwrap();
    let [images, labels] = ["images", "labels"].map(|name| folder.path().join(name));
    std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 1, 7]).unwrap();
    std::fs::write(&images, [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20]).unwrap();
    // Shown:
    let error = idx::read_with(&images, &labels, IdxOptions { max_elements: 1 }).unwrap_err();
    assert!(matches!(error, IdxError::Limit { .. }), "{error:?}");
    assert!(error.to_string().ends_with(
        " has sizes [1, 1, 2], more than 1 elements: if that is right, set `max_elements` to more"
    ));

    idx::read_with(&images, &labels, IdxOptions { max_elements: 2 }).unwrap();
}

/// `IdxError::Data`
#[test]
fn idx_error_data() {
    let folder = tempfile::tempdir().unwrap();
    let [images, labels] = ["images", "labels"].map(|name| folder.path().join(name));
    std::fs::write(&images, [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20]).unwrap();
    // Shown:
    std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 2, 7, 3]).unwrap(); // two labels for one image
    let error = idx::read(&images, &labels).unwrap_err();
    assert!(matches!(error, IdxError::Data { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .ends_with(": there are 1 rows of features, but 2 targets: give one target for each row")
    );

    std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 1, 7]).unwrap();
    idx::read(&images, &labels).unwrap();
}
