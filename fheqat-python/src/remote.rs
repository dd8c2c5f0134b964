//! A model that a service runs.

use std::{path::PathBuf, time::Duration};

use fheqat::{circuit::Logits, prelude as rust};
use fheqat_client::{KeyFolder, Options, RemoteModel as Remote, Service, Version};
use pyo3::prelude::*;

use crate::{answers, artifacts::ClientHalf, errors::other, samples, wait::wait};

/// A model that a service runs, which sees ciphertexts only.
///
/// Fetches the model's client half, makes keys in the folder `keys` where it has none (the secret file has mode 0600), and registers the
/// evaluation keys. `version` is a number from 1, by default the latest; `deadline` is how long a call may take, in seconds;
/// `certificates` is the path of a PEM file with authorities that sign the service's certificate, beside those of the system.
#[pyclass(frozen, module = "fheqat")]
pub(crate) struct RemoteModel {
    remote: Remote,
    name: String,
}

#[pymethods]
impl RemoteModel {
    #[new]
    #[pyo3(signature = (url, name, token=None, *, keys, version=None, deadline=600.0, certificates=None))]
    #[allow(clippy::too_many_arguments, reason = "Python names them")]
    fn new(
        py: Python<'_>,
        url: &str,
        name: String,
        token: Option<&str>,
        keys: PathBuf,
        version: Option<u32>,
        deadline: f64,
        certificates: Option<PathBuf>,
    ) -> PyResult<Self> {
        let deadline = Duration::try_from_secs_f64(deadline)
            .map_err(|error| other(format!("the deadline is {deadline} seconds: {error}")))?;
        let certificates = certificates.map(fheqat::file::load).transpose().map_err(other)?;
        let options =
            Options { deadline, certificates: certificates.unwrap_or_default(), ..Options::default() };
        let version = version.map_or(Version::Latest, Version::Number);
        let (url, token, called) = (url.to_owned(), token.map(str::to_owned), name.clone());
        let remote = wait(py, async move {
            let mut service = Service::with_options(&url, options)?;
            if let Some(token) = token {
                service = service.with_token(&token)?;
            }
            Remote::open(service, &called, version, KeyFolder::new(keys)).await
        })?;
        Ok(Self { remote, name })
    }

    /// The predictions for samples, an array or a frame as `Client.encrypt` takes them: the class of each sample, 0 or 1 for each label
    /// `(n, labels)`, or numbers.
    fn predict<'py>(&self, py: Python<'py>, samples: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        answers::predictions(py, self.half(), &self.logits(py, samples)?)
    }

    /// The probability of each class or label, `(n, classes)`.
    fn predict_proba<'py>(
        &self,
        py: Python<'py>,
        samples: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        answers::check_probabilities(self.half())?;
        answers::probabilities(py, self.half(), &self.logits(py, samples)?)
    }

    /// The outputs for each sample, `(n, outputs)`: logits of classes or labels, or numbers in the units of the targets.
    fn decision_function<'py>(
        &self,
        py: Python<'py>,
        samples: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        answers::values(py, self.half(), &self.logits(py, samples)?)
    }

    /// The predictions for samples from the text of their cells in a CSV file, a list each.
    fn predict_text<'py>(&self, py: Python<'py>, samples: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let rows = samples::text(self.half().codec(), samples)?;
        answers::predictions(py, self.half(), &self.run(py, rows)?)
    }

    /// The classes or labels, as `ClientHalf` has them.
    #[getter]
    fn classes_<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        answers::classes(py, self.half())
    }

    /// The model's client half.
    #[getter]
    fn client_half(&self) -> ClientHalf {
        ClientHalf(self.half().clone().into())
    }

    fn __repr__(&self) -> String {
        format!("RemoteModel(name='{}', model='{}')", self.name.escape_debug(), self.half().model())
    }
}

impl RemoteModel {
    fn half(&self) -> &rust::ClientHalf {
        self.remote.half()
    }

    fn logits(&self, py: Python<'_>, samples: &Bound<'_, PyAny>) -> PyResult<Vec<Logits>> {
        self.run(py, samples::rows(self.half().codec(), samples)?)
    }

    fn run(&self, py: Python<'_>, rows: Vec<Vec<f32>>) -> PyResult<Vec<Logits>> {
        let remote = self.remote.clone();
        wait(py, async move { remote.predict(&rows).await })
    }
}
