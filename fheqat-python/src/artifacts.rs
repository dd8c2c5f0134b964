//! Files of fheqat: halves, keys, ciphertexts.

use std::{path::PathBuf, sync::Arc};

use fheqat::{file, prelude as rust};
use pyo3::{prelude::*, types::PyBytes};

use crate::errors::{damaged, other};

/// The half of a model that its clients hold: how samples are encoded and results are read, but no weights. Public.
#[pyclass(frozen, module = "fheqat")]
pub(crate) struct ClientHalf(pub(crate) Arc<rust::ClientHalf>);

#[pymethods]
impl ClientHalf {
    /// Reads a file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        py.detach(|| Self::read(&file::load(path).map_err(other)?))
    }

    /// Reads bytes.
    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        Self::read(bytes)
    }

    /// The half in bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    /// Writes a file, whole or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| file::save(path, &self.0.to_bytes())).map_err(other)
    }

    /// A new secret key, and the evaluation keys that a server needs for it. Takes seconds of all cores; other threads of Python
    /// go on meanwhile.
    fn keygen(&self, py: Python<'_>) -> (ClientKey, EvaluationKeys) {
        let (key, evaluation) = py.detach(|| self.0.keygen());
        (ClientKey(Arc::new(key)), EvaluationKeys(evaluation))
    }

    /// The id of the compiled model, 24 hexadecimal digits.
    #[getter]
    fn model(&self) -> String {
        self.0.model().to_string()
    }

    /// The names of the features, in their order; the index where training had no name.
    #[getter]
    fn features(&self) -> Vec<String> {
        self.0.codec().described.iter().map(|feature| feature.name.clone()).collect()
    }

    /// How many numbers a prediction has.
    #[getter]
    fn outputs(&self) -> usize {
        self.0.plan().outputs.len()
    }

    /// The classes or labels, as an array: their names, or 0, 1, ... where they have none. A model that predicts numbers has no such attribute.
    #[getter]
    fn classes_<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        crate::answers::classes(py, &self.0)
    }

    fn __repr__(&self) -> String {
        let codec = self.0.codec();
        format!(
            "ClientHalf(model='{}', features={}, outputs={})",
            self.0.model(),
            codec.features,
            self.outputs()
        )
    }
}

impl ClientHalf {
    fn read(bytes: &[u8]) -> PyResult<Self> {
        rust::ClientHalf::from_bytes(bytes).map(|half| Self(Arc::new(half))).map_err(damaged)
    }
}

/// A secret key: it encrypts and decrypts for every model of its parameters. Never give it to a server.
#[pyclass(frozen, module = "fheqat")]
pub(crate) struct ClientKey(pub(crate) Arc<rust::ClientKey>);

#[pymethods]
impl ClientKey {
    /// Reads a file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        py.detach(|| Self::read(&file::load_secret(path).map_err(other)?))
    }

    /// Reads bytes.
    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        Self::read(bytes)
    }

    /// The key in bytes, which are secret too.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    /// Writes a file that only its owner can read (mode 0600).
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| file::save_secret(path, &self.0.to_bytes())).map_err(other)
    }

    /// The key's random id, 24 hexadecimal digits, which its evaluation keys share.
    #[getter]
    fn id(&self) -> String {
        self.0.id().to_string()
    }

    fn __repr__(&self) -> String {
        format!("ClientKey(id='{}')", self.0.id())
    }
}

impl ClientKey {
    fn read(bytes: &[u8]) -> PyResult<Self> {
        rust::ClientKey::from_bytes(bytes).map(|key| Self(Arc::new(key))).map_err(damaged)
    }
}

/// What a server needs to compute under a client's key. Public; some megabytes.
#[pyclass(frozen, module = "fheqat")]
pub(crate) struct EvaluationKeys(pub(crate) rust::EvaluationKeys);

#[pymethods]
impl EvaluationKeys {
    /// Reads a file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        py.detach(|| Self::read(&file::load(path).map_err(other)?))
    }

    /// Reads bytes.
    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        Self::read(bytes)
    }

    /// The keys in bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    /// Writes a file, whole or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| file::save(path, &self.0.to_bytes())).map_err(other)
    }

    /// The id of the secret key that they belong to.
    #[getter]
    fn id(&self) -> String {
        self.0.id().to_string()
    }

    fn __repr__(&self) -> String {
        format!("EvaluationKeys(id='{}')", self.0.id())
    }
}

impl EvaluationKeys {
    fn read(bytes: &[u8]) -> PyResult<Self> {
        rust::EvaluationKeys::from_bytes(bytes).map(Self).map_err(damaged)
    }
}

/// An encrypted sample.
#[pyclass(frozen, module = "fheqat")]
pub(crate) struct EncryptedInput(pub(crate) rust::EncryptedInput);

#[pymethods]
impl EncryptedInput {
    /// Reads bytes.
    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        rust::EncryptedInput::from_bytes(bytes).map(Self).map_err(damaged)
    }

    /// The sample in bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    /// The id of the model that it is for.
    #[getter]
    fn model(&self) -> String {
        self.0.model().to_string()
    }

    /// The id of the key that it is encrypted under.
    #[getter]
    fn key(&self) -> String {
        self.0.key().to_string()
    }
}

/// The encrypted prediction for a sample.
#[pyclass(frozen, module = "fheqat")]
pub(crate) struct EncryptedOutput(pub(crate) rust::EncryptedOutput);

#[pymethods]
impl EncryptedOutput {
    /// Reads bytes.
    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        rust::EncryptedOutput::from_bytes(bytes).map(Self).map_err(damaged)
    }

    /// The prediction in bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    /// The id of the model that it is of.
    #[getter]
    fn model(&self) -> String {
        self.0.model().to_string()
    }

    /// The id of the key that it is encrypted under.
    #[getter]
    fn key(&self) -> String {
        self.0.key().to_string()
    }
}
