//! The exceptions of the module: one hierarchy, with the messages of the library.

use std::fmt::Display;

use fheqat_client::Error as ClientError;
use pyo3::{create_exception, exceptions::PyException, prelude::*};

create_exception!(fheqat, Error, PyException, "Any error of fheqat; the message says what to do.");
create_exception!(fheqat, InputError, Error, "A sample that the model cannot take.");
create_exception!(
    fheqat,
    DamagedError,
    Error,
    "Bytes or a file that are damaged, or something else than expected."
);
create_exception!(fheqat, MismatchError, Error, "A model, keys or ciphertexts that do not belong together.");
create_exception!(
    fheqat,
    ServiceError,
    Error,
    "The service refuses a request, or gives an answer that cannot be used. `code` says what kind of error it is, or is None."
);
create_exception!(fheqat, UnreachableError, ServiceError, "No request got through to the service.");
create_exception!(fheqat, DeadlineError, ServiceError, "The time that a call may take is over.");

/// Puts the exceptions into the module.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    // Those that have no code of their own.
    py.get_type::<ServiceError>().setattr("code", py.None())?;
    module.add("Error", py.get_type::<Error>())?;
    module.add("InputError", py.get_type::<InputError>())?;
    module.add("DamagedError", py.get_type::<DamagedError>())?;
    module.add("MismatchError", py.get_type::<MismatchError>())?;
    module.add("ServiceError", py.get_type::<ServiceError>())?;
    module.add("UnreachableError", py.get_type::<UnreachableError>())?;
    module.add("DeadlineError", py.get_type::<DeadlineError>())
}

pub(crate) fn other(error: impl Display) -> PyErr {
    Error::new_err(error.to_string())
}

pub(crate) fn input(error: impl Display) -> PyErr {
    InputError::new_err(error.to_string())
}

pub(crate) fn damaged(error: impl Display) -> PyErr {
    DamagedError::new_err(error.to_string())
}

pub(crate) fn mismatch(error: impl Display) -> PyErr {
    MismatchError::new_err(error.to_string())
}

/// An error of the Rust client.
pub(crate) fn of_client(py: Python<'_>, error: &ClientError) -> PyErr {
    let text = error.to_string();
    let exception = match error {
        ClientError::Encrypt(_) | ClientError::Empty => InputError::new_err(text),
        ClientError::KeyFile { .. } | ClientError::Half(_) => DamagedError::new_err(text),
        ClientError::Mismatch(_)
        | ClientError::Decrypt(_)
        | ClientError::Result { .. }
        | ClientError::KeyPair { .. } => MismatchError::new_err(text),
        ClientError::Unreachable { .. } | ClientError::Certificate { .. } => UnreachableError::new_err(text),
        ClientError::Deadline { .. } => DeadlineError::new_err(text),
        ClientError::Refused { .. } | ClientError::Answer { .. } | ClientError::Job { .. } => {
            ServiceError::new_err(text)
        }
        _ => Error::new_err(text),
    };
    let code = error.code().and_then(|code| serde_json::to_value(code).ok());
    if let Some(code) = code.as_ref().and_then(serde_json::Value::as_str)
        && let Err(fault) = exception.value(py).setattr("code", code)
    {
        return fault;
    }
    exception
}
