//! Predictions as people and programs read them: CSV, or JSON.

use std::path::Path;

use fheqat::{
    MainError,
    circuit::{Logits, Task},
};
use serde_json::{Map, Value, json};

use super::files;

/// Prints results, or writes them to a CSV file and says so.
pub(crate) fn show(results: &[Logits], csv: Option<&Path>, json: bool) -> Result<(), MainError> {
    if let Some(path) = csv {
        files::save(path, &table(results)?)?;
        let (path, samples) = (files::text(path), results.len());
        let text = if json {
            format!("{}\n", json!({ "output": path, "samples": samples }))
        } else {
            format!("{path}: {samples} results\n")
        };
        return Ok(files::print(&text)?);
    }
    let text = if json {
        results.iter().enumerate().map(|(sample, logits)| line(sample, logits)).collect()
    } else {
        String::from_utf8(table(results)?)?
    };
    Ok(files::print(&text)?)
}

/// What each output is called.
fn names(logits: &Logits) -> Vec<String> {
    let named = |output: usize| logits.name(output).map_or_else(|| output.to_string(), str::to_owned);
    match (&logits.task, logits.values.len()) {
        (Task::Numbers, 1) => vec!["value".to_owned()],
        (Task::Numbers, outputs) => (0..outputs).map(|output| format!("value {output}")).collect(),
        (_, outputs) => (0..outputs).map(named).collect(),
    }
}

/// The class of a sample, or its labels, and what that is called; nothing where numbers are predicted.
fn answer(logits: &Logits, names: &[String]) -> Option<(&'static str, Vec<String>)> {
    let name = |output: usize| names.get(output).cloned().unwrap_or_default();
    match logits.task {
        Task::Numbers => None,
        Task::Labels(_) => Some(("labels", logits.labels(0.5).into_iter().map(name).collect())),
        _ => Some(("class", vec![name(logits.class())])),
    }
}

/// The answer, and then the probability of each class or label, or the numbers.
fn table(results: &[Logits]) -> Result<Vec<u8>, MainError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (sample, logits) in results.iter().enumerate() {
        let names = names(logits);
        let answer = answer(logits, &names);
        if sample == 0 {
            writer
                .write_record(answer.iter().map(|(kind, _)| *kind).chain(names.iter().map(String::as_str)))?;
        }
        let numbers = if answer.is_some() { logits.predict_proba() } else { logits.values.clone() };
        let answer = answer.iter().map(|(_, names)| names.join(";"));
        writer.write_record(answer.chain(numbers.iter().map(ToString::to_string)))?;
    }
    Ok(writer.into_inner().map_err(csv::IntoInnerError::into_error)?)
}

/// A line of JSON.
fn line(sample: usize, logits: &Logits) -> String {
    let names = names(logits);
    let mut line = Map::new();
    line.insert("sample".to_owned(), json!(sample));
    if let Some((kind, mut found)) = answer(logits, &names) {
        let found = if kind == "class" { json!(found.pop()) } else { json!(found) };
        line.insert(kind.to_owned(), found);
        let probabilities: Map<String, Value> =
            names.iter().cloned().zip(logits.predict_proba().into_iter().map(|p| json!(p))).collect();
        line.insert("probabilities".to_owned(), json!(probabilities));
    }
    line.insert("values".to_owned(), json!(logits.values));
    format!("{}\n", Value::Object(line))
}
