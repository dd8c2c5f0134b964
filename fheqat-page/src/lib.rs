//! The report of an encrypted network as one page of HTML, which needs no other file, no script and no network.
//!
//! A [`Page`] is built of what there is; each part is left out where nothing is known of it. The same parts give the same bytes.
//!
//! ```no_run
//! use fheqat::prelude::*;
//! use fheqat::page::Page;
//!
//! # fn page(circuit: &Circuit, test: &Dataset) -> Result<(), MainError> {
//! let compiled = circuit.compile(&CompileOptions::default())?;
//! Page::new(&circuit.name).compiled(&compiled).data(test, "the test samples").save("report.html")?;
//! # Ok(())
//! # }
//! ```

mod colours;
mod encodings;
mod figure;
mod layers;
mod network;
mod noise;
mod page;
mod predictions;
mod regions;
mod sizes;
mod sums;
mod text;
mod training;

use fheqat_runtime::{error::InputError, file::FileError, train::TrainError};

pub use page::{Facts, Page};

/// A page that cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The samples do not fit the circuit.
    #[error(transparent)]
    Data(#[from] TrainError),
    /// A sample does not fit the circuit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A figure cannot be drawn: a defect of fheqat.
    #[error("a figure cannot be drawn: {0}")]
    Drawing(String),
    /// The template cannot be filled: a defect of fheqat.
    #[error("the page cannot be written: {0}")]
    Template(String),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The chapter of the book, whose examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/book/report.md")]
struct Chapter;
