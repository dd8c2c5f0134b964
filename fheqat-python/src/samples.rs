//! Samples as Python has them: arrays of numbers, and frames of pandas.

use fheqat::{
    circuit::Codec,
    data::{Feature, FeatureKind},
};
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::{
    prelude::*,
    types::{IntoPyDict, PySlice},
};

use crate::errors::input;

/// The features of samples, a row each: from a matrix, or from a frame whose columns are found by their names.
pub(crate) fn rows(codec: &Codec, samples: &Bound<'_, PyAny>) -> PyResult<Vec<Vec<f32>>> {
    if samples.hasattr("columns")? && samples.hasattr("iloc")? {
        return frame(codec, samples);
    }
    let py = samples.py();
    let options = [("dtype", "float32")].into_py_dict(py)?;
    let array = py.import("numpy")?.call_method("asarray", (samples,), Some(&options));
    let array =
        array.map_err(|error| input(format!("the samples are no array of numbers: {}", error.value(py))))?;
    let Ok(array) = array.extract::<PyReadonlyArray2<'_, f32>>() else {
        let shape = array.getattr("shape")?;
        return Err(input(format!(
            "the samples have the shape {shape}: give a matrix, a row for each sample"
        )));
    };
    Ok(array.as_array().rows().into_iter().map(|row| row.to_vec()).collect())
}

/// The columns of a frame, as its model wants them. Categories are text, as `encrypt_text` takes it.
fn frame(codec: &Codec, frame: &Bound<'_, PyAny>) -> PyResult<Vec<Vec<f32>>> {
    let names: Vec<String> = strings(&frame.getattr("columns")?)?;
    let columns: Vec<Bound<'_, PyAny>> = codec
        .described
        .iter()
        .map(|feature| {
            frame.getattr("iloc")?.get_item((PySlice::full(frame.py()), place(&names, &feature.name)?))
        })
        .collect::<PyResult<_>>()?;
    let mut text = vec![vec![String::new(); columns.len()]; frame.len()?];
    let mut numbers = Vec::new();
    for (index, (column, feature)) in columns.iter().zip(&codec.described).enumerate() {
        match &feature.kind {
            FeatureKind::Category { .. } => {
                for (row, cell) in text.iter_mut().zip(cells(column)?) {
                    row[index] = cell;
                }
            }
            FeatureKind::Number => numbers.push((index, floats(column, feature)?)),
        }
    }
    // Cells of numbers are empty so far, and so missing.
    let mut rows: Vec<Vec<f32>> =
        text.iter().map(|cells| codec.parse(cells)).collect::<Result<_, _>>().map_err(input)?;
    for (index, values) in numbers {
        for (row, value) in rows.iter_mut().zip(values) {
            row[index] = value;
        }
    }
    Ok(rows)
}

/// Which column has this name.
fn place(names: &[String], name: &str) -> PyResult<usize> {
    let mut places = (0..names.len()).filter(|&place| names[place] == name);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(input(format!("the frame has several columns `{name}`: give one"))),
        (None, _) => {
            let have = names.join("`, `");
            Err(input(format!(
                "the frame has no column `{name}`, only `{have}`: give one for each feature of the model"
            )))
        }
    }
}

fn floats(column: &Bound<'_, PyAny>, feature: &Feature) -> PyResult<Vec<f32>> {
    let py = column.py();
    let options = [("na_value", f32::NAN)].into_py_dict(py)?;
    options.set_item("dtype", "float32")?;
    let wrong =
        |error: PyErr| input(format!("the column `{}` is no numbers: {}", feature.name, error.value(py)));
    let array = column.call_method("to_numpy", (), Some(&options)).map_err(wrong)?;
    let array = array.extract::<PyReadonlyArray1<'_, f32>>().map_err(wrong)?;
    Ok(array.as_array().to_vec())
}

/// The cells of a column as text, empty where they are missing.
fn cells(column: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let missing: Vec<bool> = column.call_method0("isna")?.call_method0("tolist")?.extract()?;
    let cells = column.call_method0("tolist")?;
    let read = |(cell, missing): (PyResult<Bound<'_, PyAny>>, bool)| {
        if missing { Ok(String::new()) } else { Ok(cell?.str()?.to_string()) }
    };
    cells.try_iter()?.zip(missing).map(read).collect()
}

/// Rows of text.
pub(crate) fn text(codec: &Codec, samples: &Bound<'_, PyAny>) -> PyResult<Vec<Vec<f32>>> {
    let row = |sample: PyResult<Bound<'_, PyAny>>| codec.parse(&strings(&sample?)?).map_err(input);
    samples.try_iter()?.map(row).collect()
}

fn strings(of: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    of.try_iter()?.map(|item| Ok(item?.str()?.to_string())).collect()
}
