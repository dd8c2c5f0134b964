//! The noise that is predicted of each layer, and what was measured.

use fheqat_runtime::{
    circuit::Logits,
    compile::Prediction,
    report::{Promise, Report},
};
use plotters::{
    element::{Rectangle, Text},
    style::text_anchor::{HPos, VPos},
};

use crate::{
    PageError,
    colours::Role,
    figure::{self, Figure, UNIT, anchored, filled, text as style},
    layers::promise,
    text,
};

/// Layers that are drawn at most.
const MOST: usize = 40;

/// A layer of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) field: String,
    pub(crate) promise: String,
    pub(crate) deviation: String,
    pub(crate) margin: String,
    pub(crate) distance: String,
    pub(crate) p_fail: String,
}

/// What encrypted results were, beside those of the circuit in the clear.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    results: usize,
    sums: usize,
    differing: usize,
    deviation: f64,
    largest: i64,
}

/// All that is known of noise. Deviations are of the value of each layer that is wrong most often.
#[derive(Debug)]
pub(crate) struct Noise {
    pub(crate) has_deviations: bool,
    pub(crate) rows: Vec<Row>,
    pub(crate) all: String,
    pub(crate) figure: Option<Figure>,
    pub(crate) measured: String,
}

impl Measured {
    /// Of pairs of what was decrypted and what the circuit gives in the clear.
    pub(crate) fn of(decrypted: &[Logits], clear: &[Logits]) -> Self {
        let differences: Vec<i64> = decrypted
            .iter()
            .zip(clear)
            .flat_map(|(found, expected)| found.accumulators.iter().zip(&expected.accumulators))
            .map(|(found, expected)| found.saturating_sub(*expected))
            .collect();
        let squares = differences.iter().map(|difference| (*difference as f64).powi(2)).sum::<f64>();
        Self {
            results: decrypted.len().min(clear.len()),
            sums: differences.len(),
            differing: differences.iter().filter(|difference| **difference != 0).count(),
            deviation: (squares / differences.len().max(1) as f64).sqrt(),
            largest: differences.iter().map(|difference| difference.saturating_abs()).max().unwrap_or(0),
        }
    }

    fn in_words(&self, results: Promise) -> String {
        let of =
            format!("{} with {}", text::many(self.results, "encrypted result"), text::many(self.sums, "sum"));
        if self.differing == 0 {
            return format!("Measured on {of}: none differs from the circuit on plain integers.");
        }
        let expected = match results {
            Promise::Exact => ", though they are promised to be exact",
            Promise::Within { .. } => "",
        };
        format!(
            "Measured on {of}: {} differ from the circuit on plain integers{expected}, by {} in root mean square and {} at most, in units of \
             the sums.",
            text::length(self.differing),
            text::number(self.deviation),
            text::count(self.largest)
        )
    }
}

impl Noise {
    pub(crate) fn of(
        report: &Report,
        prediction: Option<&Prediction>,
        measured: Option<&Measured>,
    ) -> Result<Option<Self>, PageError> {
        if report.encrypted.is_empty() && measured.is_none() {
            return Ok(None);
        }
        let worst = |field: &str| {
            let layer = prediction?.layers.iter().find(|layer| layer.name == field)?;
            Some((layer.worst.margin.0, layer.worst.noise.0.sqrt()))
        };
        let turns = |turns: f64| if turns > 0.0 { text::probability(turns.log2()) } else { "0".to_owned() };
        let rows = report.encrypted.iter().map(|layer| {
            let worst = worst(&layer.field);
            Row {
                field: layer.field.clone(),
                promise: promise(layer.promise),
                deviation: worst.map(|(_, deviation)| turns(deviation)).unwrap_or_default(),
                margin: worst.map(|(margin, _)| turns(margin)).unwrap_or_default(),
                distance: worst
                    .filter(|(_, deviation)| *deviation > 0.0)
                    .map(|(margin, deviation)| format!("{:.1}", margin / deviation))
                    .unwrap_or_default(),
                p_fail: text::probability(layer.p_fail.0),
            }
        });
        Ok(Some(Self {
            has_deviations: prediction.is_some(),
            rows: rows.collect(),
            all: text::probability(report.p_fail.0),
            figure: (!report.encrypted.is_empty()).then(|| drawing(report)).transpose()?,
            measured: measured.map_or_else(String::new, |measured| measured.in_words(report.results)),
        }))
    }
}

/// How improbable it is that a value of each layer is wrong, as bars of powers of two.
fn drawing(report: &Report) -> Result<Figure, PageError> {
    const LINE: i32 = 30;
    const LEFT: i32 = 112;
    const WIDTH: i32 = figure::WIDTH as i32;
    let rare = |log2: f64| if log2.is_finite() { (-log2).max(0.0) } else { 0.0 };
    let mut bars: Vec<(String, f64, Role)> = report
        .encrypted
        .iter()
        .take(MOST)
        .map(|layer| (text::short(&layer.field, 14), layer.p_fail.0, Role::Accent))
        .collect();
    bars.push(("all values".to_owned(), report.p_fail.0, Role::Series(2)));
    let most = bars.iter().map(|(_, log2, _)| rare(*log2)).fold(1.0, f64::max);
    let said: Vec<String> =
        bars.iter().map(|(name, log2, _)| format!("{name}: {}", text::probability(*log2))).collect();
    let height = LINE * bars.len() as i32 + 8;
    let title = "How rarely a value is wrong, in powers of two";
    Figure::new(title, said.join("; "), (WIDTH as u32, height as u32), |area| {
        for (index, (name, log2, role)) in bars.iter().enumerate() {
            let middle = 4 + LINE * index as i32 + LINE / 2;
            let label = anchored(&style(Role::Ink, 12.0, false), HPos::Right, VPos::Center);
            area.draw(&Text::new(name.clone(), ((LEFT - 8) * UNIT, middle * UNIT), label))?;
            let length = (f64::from(WIDTH - LEFT - 74) * rare(*log2) / most) as i32;
            let bar =
                [(LEFT * UNIT, (middle - 8) * UNIT), ((LEFT + length.max(1)) * UNIT, (middle + 8) * UNIT)];
            area.draw(&Rectangle::new(bar, filled(*role, 0.85)))?;
            let label = anchored(&style(Role::Soft, 11.5, false), HPos::Left, VPos::Center);
            let place = ((LEFT + length + 7) * UNIT, middle * UNIT);
            area.draw(&Text::new(text::probability(*log2), place, label))?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use fheqat_runtime::circuit::Task;

    use super::*;

    fn logits(sums: &[i64]) -> Logits {
        Logits { accumulators: sums.to_vec(), values: vec![0.0; sums.len()], task: Task::Numbers }
    }

    #[test]
    fn differences_are_measured_in_units_of_sums() {
        let (clear, found) = ([logits(&[3, -1]), logits(&[0, 7])], [logits(&[3, -1]), logits(&[3, 3])]);
        let measured = Measured::of(&found, &clear);
        assert_eq!((measured.differing, measured.largest, measured.deviation), (2, 4, 2.5));
        assert!(measured.in_words(Promise::Exact).contains("2 differ"));
        let same = Measured::of(&clear, &clear);
        assert!(same.in_words(Promise::Exact).ends_with("none differs from the circuit on plain integers."));
    }
}
