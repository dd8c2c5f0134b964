//! The Python module `fheqat`; `fheqat.pyi` has its types.

mod answers;
mod artifacts;
mod client;
mod errors;
mod remote;
mod samples;
mod wait;

use pyo3::prelude::*;

/// Encrypted predictions by a service that sees ciphertexts only.
#[pymodule(name = "fheqat")]
fn define(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    errors::add(module)?;
    module.add_class::<artifacts::ClientHalf>()?;
    module.add_class::<artifacts::ClientKey>()?;
    module.add_class::<artifacts::EvaluationKeys>()?;
    module.add_class::<artifacts::EncryptedInput>()?;
    module.add_class::<artifacts::EncryptedOutput>()?;
    module.add_class::<client::Client>()?;
    module.add_class::<remote::RemoteModel>()
}
