//! Files of JSON: reports of compiled circuits and logs of trainings.

use fheqat::{params::Bytes, report::Report, train::History};
use serde_json::json;

use super::{Fact, Facts, page::Content};

/// What a report or a log says; `None` of any other file.
pub(super) fn read(bytes: &[u8]) -> Option<(Facts, Content)> {
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let size = Fact::size("size", Bytes(bytes.len() as u64));
    if let Ok(report) = serde_json::from_slice::<Report>(bytes) {
        let facts = [Fact::new("kind", "report"), size].into_iter().chain(of_report(&report)).collect();
        return Some((facts, Content::Report(Box::new(report))));
    }
    let history: History = serde_json::from_slice(bytes).ok()?;
    let facts =
        [Fact::new("kind", "log of a training"), size].into_iter().chain(of_history(&history)).collect();
    Some((facts, Content::History(Box::new(history))))
}

fn of_report(report: &Report) -> Facts {
    let lines = report.to_string().lines().map(str::to_owned).collect();
    vec![
        Fact::new("network", report.circuit.network.clone()),
        Fact::new("rotations", report.rotations()),
        Fact::size("evaluation_keys", report.server_key_seeded),
        Fact::size("expanded_keys", report.server_key),
        Fact::size("input", report.input),
        Fact::size("output", report.output),
        Fact { name: "report", value: json!(report), lines },
    ]
}

fn of_history(history: &History) -> Facts {
    let mut facts = vec![
        Fact::new("epochs", history.epochs.len()),
        Fact::new("kept", history.epochs.get(history.kept).map(|epoch| epoch.epoch)),
        Fact::new("trials", history.trials.len()),
    ];
    facts.extend(history.warning.clone().map(|warning| Fact::new("warning", warning)));
    facts
}
