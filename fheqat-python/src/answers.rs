//! Predictions as arrays.

use fheqat::{
    circuit::{Logits, Task},
    prelude::ClientHalf,
};
use numpy::{IntoPyArray, ndarray::Array2};
use pyo3::{exceptions::PyAttributeError, prelude::*};

use crate::errors::other;

/// The classes or labels of a model.
pub(crate) fn classes<'py>(py: Python<'py>, half: &ClientHalf) -> PyResult<Bound<'py, PyAny>> {
    let numpy = py.import("numpy")?;
    match &half.codec().task {
        Task::Unnamed => numpy.call_method1("arange", (half.plan().outputs.len(),)),
        Task::Classes(_) | Task::Labels(_) => numpy.call_method1("asarray", (half.codec().task.names(),)),
        _ => Err(PyAttributeError::new_err("the model predicts numbers, so it has no classes")),
    }
}

/// The outputs in their units, `(n, outputs)`.
pub(crate) fn values<'py>(py: Python<'py>, half: &ClientHalf, of: &[Logits]) -> PyResult<Bound<'py, PyAny>> {
    matrix(py, half.plan().outputs.len(), of, |logits| logits.values.clone())
}

/// The probability of each class or label, `(n, classes)`.
pub(crate) fn probabilities<'py>(
    py: Python<'py>,
    half: &ClientHalf,
    of: &[Logits],
) -> PyResult<Bound<'py, PyAny>> {
    check_probabilities(half)?;
    matrix(py, half.plan().outputs.len(), of, Logits::predict_proba)
}

/// Fails for a model that predicts numbers.
pub(crate) fn check_probabilities(half: &ClientHalf) -> PyResult<()> {
    match half.codec().task {
        Task::Numbers => Err(other("the model predicts numbers, which have no probabilities: use `predict`")),
        _ => Ok(()),
    }
}

/// What `predict` of scikit-learn gives: a class each, `(n, labels)` of 0 and 1, or numbers, `(n,)` where there is one output.
pub(crate) fn predictions<'py>(
    py: Python<'py>,
    half: &ClientHalf,
    of: &[Logits],
) -> PyResult<Bound<'py, PyAny>> {
    match &half.codec().task {
        Task::Numbers if half.plan().outputs.len() == 1 => {
            let numbers: Vec<f32> = of.iter().flat_map(|logits| logits.values.clone()).collect();
            Ok(numbers.into_pyarray(py).into_any())
        }
        Task::Numbers => values(py, half, of),
        Task::Labels(_) => matrix(py, half.plan().outputs.len(), of, |logits| {
            let on = logits.labels(0.5);
            (0..logits.values.len()).map(|label| i64::from(on.contains(&label))).collect()
        }),
        _ => {
            let classes_of: Vec<i64> = of.iter().map(|logits| logits.class() as i64).collect();
            classes(py, half)?.call_method1("take", (classes_of.into_pyarray(py),))
        }
    }
}

fn matrix<'py, T: numpy::Element>(
    py: Python<'py>,
    columns: usize,
    of: &[Logits],
    row: impl Fn(&Logits) -> Vec<T>,
) -> PyResult<Bound<'py, PyAny>> {
    let cells = of.iter().flat_map(row).collect();
    let matrix = Array2::from_shape_vec((of.len(), columns), cells).map_err(other)?;
    Ok(matrix.into_pyarray(py).into_any())
}
