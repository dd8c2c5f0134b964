//! Which page of the error index is about an error.

use std::error::Error;

#[cfg(feature = "page")]
use fheqat_page::PageError;
#[cfg(feature = "fhe")]
use fheqat_runtime::compile::CompileError;
#[cfg(any(feature = "client", feature = "server"))]
use fheqat_runtime::fhe::Mismatch;
#[cfg(feature = "client")]
use fheqat_runtime::fhe::{DecryptError, EncryptError};
#[cfg(feature = "server")]
use fheqat_runtime::fhe::{RunError, ServerError, ThreadError};
use fheqat_runtime::{
    artifact::ArtifactError,
    circuit::{CircuitError, CodecError, build::OutsideBound, text::TextError, verify::VerifyError},
    data::{DataError, csv::CsvError, idx::IdxError},
    error::InputError,
    file::FileError,
    nn::{ConstantsError, NetworkError, Unusable, lower, prune::PruneError, tensors::WeightsError},
    params::{search::Infeasible, workload::GraphError},
    spec::book::address,
    train::TrainError,
};

/// The address of the page of the error index that explains an error of fheqat, or else the first of its causes that is one;
/// `None` of any other error, and where the message has an address already, as those of laws have. Messages of run-time errors
/// do not have it themselves, since they are often part of one another.
///
/// ```
/// let error = fheqat::data::csv::read("none.csv", &fheqat::data::csv::CsvOptions::default()).unwrap_err();
/// assert!(fheqat::explained(&error).unwrap().ends_with("/errors/data.md"));
/// ```
#[must_use]
pub fn explained(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.to_string().contains(fheqat_runtime::spec::book::ERRORS) {
            return None;
        }
        if let Some(page) = page(error) {
            return Some(address(page));
        }
        next = error.source();
    }
    None
}

macro_rules! pages {
    ($($page:literal: $($(#[$cfg:meta])? $error:ty),*;)*) => {
        fn page(error: &(dyn Error + 'static)) -> Option<&'static str> {
            $($(
                $(#[$cfg])?
                if error.is::<$error>() {
                    return Some($page);
                }
            )*)*
            None
        }
    };
}

pages! {
    "data": CsvError, DataError, IdxError, InputError;
    "weights": WeightsError;
    "training": TrainError, NetworkError, Unusable, ConstantsError, PruneError, lower::CircuitError, OutsideBound;
    "compiling": #[cfg(feature = "fhe")] CompileError, Infeasible, GraphError;
    "files": FileError, ArtifactError, CircuitError, CodecError, VerifyError, TextError;
    "importing": #[cfg(feature = "page")] PageError;
    "encrypted":
        #[cfg(any(feature = "client", feature = "server"))] Mismatch,
        #[cfg(feature = "client")] EncryptError,
        #[cfg(feature = "client")] DecryptError,
        #[cfg(feature = "server")] ServerError,
        #[cfg(feature = "server")] RunError,
        #[cfg(feature = "server")] ThreadError;
}
