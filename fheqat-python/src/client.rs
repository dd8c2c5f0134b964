//! The client half of a model and a secret key.

use std::sync::Arc;

use fheqat::{circuit::Logits, prelude as rust};
use pyo3::prelude::*;

use crate::{
    answers,
    artifacts::{ClientHalf, ClientKey, EncryptedInput, EncryptedOutput},
    errors::{input, mismatch},
    samples,
};

/// The client half of a model and a secret key: encrypts samples and decrypts predictions. Other threads of Python go on
/// while it does.
#[pyclass(frozen, module = "fheqat")]
pub(crate) struct Client(Arc<rust::Client>);

#[pymethods]
impl Client {
    #[new]
    fn new(half: &ClientHalf, key: &ClientKey) -> PyResult<Self> {
        let client = rust::Client::new(Arc::clone(&half.0), Arc::clone(&key.0));
        client.map(|client| Self(Arc::new(client))).map_err(mismatch)
    }

    /// Encrypts samples: an array of numbers `(n, features)`, or a frame of pandas whose columns have the names of the features. A category
    /// is its index in an array and its text in a frame; NaN is a missing value.
    #[pyo3(name = "encrypt")]
    fn encrypt_samples(&self, py: Python<'_>, samples: &Bound<'_, PyAny>) -> PyResult<Vec<EncryptedInput>> {
        self.encrypt(py, &samples::rows(self.0.half().codec(), samples)?)
    }

    /// Encrypts samples from the text of their cells in a CSV file, a list each.
    fn encrypt_text(&self, py: Python<'_>, samples: &Bound<'_, PyAny>) -> PyResult<Vec<EncryptedInput>> {
        self.encrypt(py, &samples::text(self.0.half().codec(), samples)?)
    }

    /// The outputs for each sample, `(n, outputs)`: logits of classes or labels, or numbers in the units of the targets.
    fn decrypt<'py>(&self, py: Python<'py>, results: Vec<Output<'py>>) -> PyResult<Bound<'py, PyAny>> {
        answers::values(py, self.0.half(), &self.logits(py, results)?)
    }

    /// The probability of each class or label, `(n, classes)`.
    fn decrypt_proba<'py>(&self, py: Python<'py>, results: Vec<Output<'py>>) -> PyResult<Bound<'py, PyAny>> {
        answers::probabilities(py, self.0.half(), &self.logits(py, results)?)
    }

    /// The predictions themselves: the class of each sample, 0 or 1 for each label, or numbers.
    fn decrypt_predictions<'py>(
        &self,
        py: Python<'py>,
        results: Vec<Output<'py>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        answers::predictions(py, self.0.half(), &self.logits(py, results)?)
    }

    /// The classes or labels, as `ClientHalf` has them.
    #[getter]
    fn classes_<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        answers::classes(py, self.0.half())
    }

    fn __repr__(&self) -> String {
        format!("Client(model='{}', key='{}')", self.0.half().model(), self.0.id())
    }
}

/// An element of a list.
type Output<'py> = PyRef<'py, EncryptedOutput>;

impl Client {
    fn encrypt(&self, py: Python<'_>, rows: &[Vec<f32>]) -> PyResult<Vec<EncryptedInput>> {
        let inputs = py.detach(|| self.0.encrypt_batch(rows));
        let inputs = inputs.map_err(input)?;
        Ok(inputs.into_iter().map(EncryptedInput).collect())
    }

    fn logits(&self, py: Python<'_>, results: Vec<Output<'_>>) -> PyResult<Vec<Logits>> {
        let outputs: Vec<rust::EncryptedOutput> =
            results.into_iter().map(|result| result.0.clone()).collect();
        py.detach(|| self.0.decrypt_batch(&outputs)).map_err(mismatch)
    }
}
