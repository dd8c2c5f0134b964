//! Images and labels from IDX files, plain or gzip, as MNIST and its likes come.
//!
//! An IDX file has two zero bytes, the type of its elements, how many dimensions it has, the size of each as four bytes, the
//! most significant first, and then its elements, the last dimension running fastest
//! (<http://yann.lecun.com/exdb/mnist/>). Images are unsigned bytes `[samples, rows, columns]`, labels `[samples]`.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use ndarray::Array2;
use thiserror::Error;

use super::{DataError, Dataset, unpack::plain};
use crate::file::FileError;

/// Files that give no data.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IdxError {
    /// One cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A folder without one of the files.
    #[error("`{folder}` has no `{name}`, plain or `.gz`: give the folder of MNIST's four files")]
    Missing {
        /// The folder.
        folder: String,
        /// The file.
        name: &'static str,
    },
    /// Bytes that are not IDX.
    #[error("`{file}` is no IDX file, which starts with two zero bytes: give the file as it was published")]
    Format {
        /// The file.
        file: String,
    },
    /// Elements of another type.
    #[error(
        "`{file}` has elements of type {found:#04x}, but images and labels are unsigned bytes, 0x08: convert them"
    )]
    Elements {
        /// The file.
        file: String,
        /// Their type.
        found: u8,
    },
    /// Another number of dimensions.
    #[error(
        "`{file}` has {found} dimensions, but {part} have {expected}: give the files of images and of labels in that order"
    )]
    Dimensions {
        /// The file.
        file: String,
        /// Dimensions it has.
        found: usize,
        /// `images` or `labels`.
        part: &'static str,
        /// Dimensions they have.
        expected: usize,
    },
    /// Fewer elements than the sizes say.
    #[error("`{file}` has {found} elements behind sizes {sizes:?}: it is damaged, fetch it again")]
    Length {
        /// The file.
        file: String,
        /// Elements it has.
        found: usize,
        /// What its head says.
        sizes: Vec<usize>,
    },
    /// Bytes behind the last element.
    #[error("`{file}` has more bytes than the elements of sizes {sizes:?}: it is damaged, fetch it again")]
    Trailing {
        /// The file.
        file: String,
        /// What its head says.
        sizes: Vec<usize>,
    },
    /// Sizes of more elements than are read.
    #[error(
        "`{file}` has sizes {sizes:?}, more than {most} elements: if that is right, set `max_elements` to more"
    )]
    Limit {
        /// The file.
        file: String,
        /// What its head says.
        sizes: Vec<usize>,
        /// The most that are read.
        most: u64,
    },
    /// No samples, or not one label for each image.
    #[error("`{file}`: {error}")]
    Data {
        /// The file of images.
        file: String,
        /// What is wrong.
        error: DataError,
    },
}

/// How files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdxOptions {
    /// Elements that one file may have; each takes five bytes of memory while it is read. Default: 2^30, which is more than
    /// any of MNIST's likes has.
    pub max_elements: u64,
}

impl Default for IdxOptions {
    fn default() -> Self {
        Self { max_elements: 1 << 30 }
    }
}

/// Reads a folder with MNIST's four files, each plain or with `.gz`: what to train on, and what to test with. Pixels are
/// features in 0 to 255; there are as many classes as the greatest label of the two says.
///
/// # Errors
/// Names the file, or the one that is missing.
pub fn mnist(folder: impl AsRef<Path>) -> Result<(Dataset, Dataset), IdxError> {
    mnist_with(folder, IdxOptions::default())
}

/// The same with options.
///
/// # Errors
/// As [`mnist`].
pub fn mnist_with(folder: impl AsRef<Path>, options: IdxOptions) -> Result<(Dataset, Dataset), IdxError> {
    let file = |name| find(folder.as_ref(), name);
    let [images, labels] = [file("train-images-idx3-ubyte")?, file("train-labels-idx1-ubyte")?];
    let train = Samples::read(&images, &labels, options)?;
    let [images, labels] = [file("t10k-images-idx3-ubyte")?, file("t10k-labels-idx1-ubyte")?];
    let test = Samples::read(&images, &labels, options)?;
    let classes = train.classes().max(test.classes());
    Ok((train.into_data(classes)?, test.into_data(classes)?))
}

/// Reads one file of images and one of their labels. Pixels are features in 0 to 255; there are as many classes as the
/// greatest label says.
///
/// # Errors
/// Names the file.
pub fn read(images: impl AsRef<Path>, labels: impl AsRef<Path>) -> Result<Dataset, IdxError> {
    read_with(images, labels, IdxOptions::default())
}

/// The same with options.
///
/// # Errors
/// As [`read`].
pub fn read_with(
    images: impl AsRef<Path>,
    labels: impl AsRef<Path>,
    options: IdxOptions,
) -> Result<Dataset, IdxError> {
    let samples = Samples::read(images.as_ref(), labels.as_ref(), options)?;
    let classes = samples.classes();
    samples.into_data(classes)
}

fn find(folder: &Path, name: &'static str) -> Result<PathBuf, IdxError> {
    let candidates = [folder.join(name), folder.join(format!("{name}.gz"))];
    let missing = || IdxError::Missing { folder: folder.display().to_string(), name };
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(missing)
}

struct Samples {
    file: String,
    images: Array2<f32>,
    labels: Vec<usize>,
}

impl Samples {
    fn read(images: &Path, labels: &Path, options: IdxOptions) -> Result<Self, IdxError> {
        let file = images.display().to_string();
        let ([count, rows, columns], pixels) = elements(images, "images", options)?;
        let ([_], labels) = elements(labels, "labels", options)?;
        if pixels.is_empty() {
            // An array of no images can still be too wide.
            let error = DataError::Empty { rows: count, columns: rows.saturating_mul(columns) };
            return Err(IdxError::Data { file, error });
        }
        let mut pixels = pixels.into_iter().map(f32::from);
        let images =
            Array2::from_shape_simple_fn((count, rows * columns), || pixels.next().unwrap_or_default());
        Ok(Self { file, images, labels: labels.into_iter().map(usize::from).collect() })
    }

    fn classes(&self) -> usize {
        self.labels.iter().max().map_or(0, |label| label + 1)
    }

    fn into_data(self, classes: usize) -> Result<Dataset, IdxError> {
        let wrong = |error| IdxError::Data { file: self.file, error };
        Dataset::classes(self.images, self.labels, classes).map_err(wrong)
    }
}

/// The sizes of a file's `N` dimensions, and its elements, as many as the sizes say. Nothing is allocated for sizes before they
/// are within the limit, nor beyond the bytes that are there.
fn elements<const N: usize>(
    path: &Path,
    part: &'static str,
    options: IdxOptions,
) -> Result<([usize; N], Vec<u8>), IdxError> {
    let file = path.display().to_string();
    let failed = |source| FileError::new("read", path, source);
    let most = options.max_elements;
    let opened = BufReader::new(File::open(path).map_err(failed)?);
    let mut source = plain(opened, u64::MAX).map_err(failed)?;
    let Some([0, 0, kind, dimensions]) = head(&mut source).map_err(failed)? else {
        return Err(IdxError::Format { file });
    };
    if kind != 0x08 {
        return Err(IdxError::Elements { file, found: kind });
    }
    if usize::from(dimensions) != N {
        return Err(IdxError::Dimensions { file, found: dimensions.into(), part, expected: N });
    }
    let mut sizes = [0; N];
    for size in &mut sizes {
        let Some(bytes) = head(&mut source).map_err(failed)? else { return Err(IdxError::Format { file }) };
        *size = u32::from_be_bytes(bytes) as usize;
    }
    let count = sizes.iter().try_fold(1u64, |product, &size| product.checked_mul(size as u64));
    let Some(count) = count.filter(|count| *count <= most) else {
        return Err(IdxError::Limit { file, sizes: sizes.to_vec(), most });
    };
    let mut elements = Vec::new();
    source.by_ref().take(count).read_to_end(&mut elements).map_err(failed)?;
    if (elements.len() as u64) < count {
        return Err(IdxError::Length { file, found: elements.len(), sizes: sizes.to_vec() });
    }
    if source.take(1).read_to_end(&mut Vec::new()).map_err(failed)? > 0 {
        return Err(IdxError::Trailing { file, sizes: sizes.to_vec() });
    }
    Ok((sizes, elements))
}

/// The next four bytes, or nothing where fewer are left.
fn head(source: &mut impl Read) -> io::Result<Option<[u8; 4]>> {
    let mut bytes = Vec::new();
    source.take(4).read_to_end(&mut bytes)?;
    Ok(bytes.try_into().ok())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use tempfile::TempDir;

    use super::*;

    const NAMES: [&str; 4] = [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ];

    fn file(kind: u8, sizes: &[u32], elements: &[u8]) -> Vec<u8> {
        let heads = sizes.iter().flat_map(|size| size.to_be_bytes());
        [0, 0, kind, sizes.len() as u8].into_iter().chain(heads).chain(elements.iter().copied()).collect()
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    /// Two images of two by three, three classes.
    fn files() -> [Vec<u8>; 4] {
        let images = [0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255];
        [
            file(8, &[2, 2, 3], &images),
            file(8, &[2], &[0, 1]),
            file(8, &[1, 2, 3], &images[6..]),
            file(8, &[1], &[2]),
        ]
    }

    fn folder(files: &[Vec<u8>; 4]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in NAMES.iter().zip(files) {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        folder
    }

    fn refused(index: usize, bytes: Vec<u8>) -> String {
        let mut files = files();
        files[index] = bytes;
        let folder = folder(&files);
        let message = mnist(folder.path()).unwrap_err().to_string();
        let name = folder.path().join(NAMES[index]).display().to_string();
        message.replace(&name, "file")
    }

    #[test]
    fn four_files_plain_or_gzip_are_two_sets() {
        let folder = folder(&files());
        let (train, test) = mnist(folder.path()).unwrap();
        assert_eq!(train.features().row(1).to_vec(), [250.0, 251.0, 252.0, 253.0, 254.0, 255.0]);
        assert_eq!((train.labels(), train.class_names().len(), train.width()), (&[0, 1][..], 3, 6));
        assert_eq!((test.labels(), test.class_names().len()), (&[2][..], 3));
        for (name, bytes) in NAMES.iter().zip(files()) {
            std::fs::remove_file(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(format!("{name}.gz")), packed(&bytes)).unwrap();
        }
        assert_eq!(mnist(folder.path()).unwrap(), (train.clone(), test));
        let paths = [0, 1].map(|index| folder.path().join(format!("{}.gz", NAMES[index])));
        assert_eq!(read(&paths[0], &paths[1]).unwrap().features(), train.features());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let folder = folder(&files());
        std::fs::remove_file(folder.path().join(NAMES[3])).unwrap();
        let message = mnist(folder.path()).unwrap_err().to_string();
        assert!(message.ends_with(
            "has no `t10k-labels-idx1-ubyte`, plain or `.gz`: give the folder of MNIST's four files"
        ));
        let message = read(folder.path().join("none"), folder.path()).unwrap_err().to_string();
        assert!(message.starts_with("cannot read `") && message.contains("none"), "{message}");

        let [images, labels, ..] = files();
        assert_eq!(
            refused(0, b"x,y\n".to_vec()),
            "`file` is no IDX file, which starts with two zero bytes: give the file as it was published"
        );
        assert_eq!(refused(0, images[..11].to_vec()), refused(0, Vec::new()));
        assert_eq!(
            refused(1, file(0x0d, &[2], &[0; 8])),
            "`file` has elements of type 0x0d, but images and labels are unsigned bytes, 0x08: convert them"
        );
        assert_eq!(
            refused(0, labels),
            "`file` has 1 dimensions, but images have 3: give the files of images and of labels in that order"
        );
        assert_eq!(
            refused(0, images[..images.len() - 1].to_vec()),
            "`file` has 11 elements behind sizes [2, 2, 3]: it is damaged, fetch it again"
        );
        assert_eq!(
            refused(0, file(8, &[u32::MAX; 3], &[])),
            "`file` has sizes [4294967295, 4294967295, 4294967295], more than 1073741824 elements: if that is right, set `max_elements` to more"
        );
        assert!(
            refused(0, file(8, &[1 << 10, 1 << 10, 1 << 10], &[7])).contains("has 1 elements behind sizes")
        );
        let mut longer = images.clone();
        longer.push(0);
        for file in [longer.clone(), packed(&longer), [packed(&images), packed(&[0])].concat()] {
            assert_eq!(
                refused(0, file),
                "`file` has more bytes than the elements of sizes [2, 2, 3]: it is damaged, fetch it again"
            );
        }
        let cut = packed(&images);
        assert!(refused(0, cut[..cut.len() - 9].to_vec()).starts_with("cannot read `file`"));
        assert_eq!(
            refused(0, file(8, &[1, 2, 3], &[0; 6])),
            "`file`: there are 1 rows of features, but 2 targets: give one target for each row"
        );
        assert!(refused(0, file(8, &[0, 2, 3], &[])).starts_with("`file`: the data has 0 samples"));
        let vast = file(8, &[0, u32::MAX, u32::MAX], &[]);
        assert!(refused(0, vast).starts_with("`file`: the data has 0 samples"));
    }

    #[test]
    fn more_elements_are_read_where_that_is_asked_for() {
        let folder = folder(&files());
        let paths = [0, 1].map(|index| folder.path().join(NAMES[index]));
        let read = |max_elements| read_with(&paths[0], &paths[1], IdxOptions { max_elements });
        assert_eq!(read(12).unwrap().len(), 2);
        assert!(matches!(read(11), Err(IdxError::Limit { most: 11, .. })));
        assert!(mnist_with(folder.path(), IdxOptions { max_elements: 11 }).is_err());
        let [images, ..] = files();
        let (first, second) = images.split_at(9);
        std::fs::write(&paths[0], [packed(first), packed(second)].concat()).unwrap();
        assert_eq!(read(12).unwrap().len(), 2);
    }
}
