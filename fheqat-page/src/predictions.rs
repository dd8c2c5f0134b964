//! What a circuit answers on data, beside what is right.

use fheqat_runtime::{
    circuit::{Circuit, Logits},
    data::{Dataset, Targets},
    error::InputError,
    train::{
        Metrics,
        metrics::{ClassMetrics, Details, LabelMetrics, NumberMetrics},
    },
};
use ndarray::ArrayView2;
use plotters::{
    element::{Circle, Rectangle},
    series::LineSeries,
};

use crate::{
    PageError,
    colours::Role,
    figure::{Axes, Figure, UNIT, WIDTH, around, chart, filled, stroke},
    sizes::Named,
    text,
};

/// Classes that a confusion matrix has at most.
const CLASSES: usize = 40;
/// Outputs of a regression that are drawn at most.
const OUTPUTS: usize = 6;
/// Points of a figure at most, from all over the data.
const POINTS: usize = 1_200;

/// A cell of a confusion matrix.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) count: String,
    /// The part of its row, from 0 to 1.
    pub(crate) part: String,
    pub(crate) is_right: bool,
}

impl Cell {
    pub(crate) fn is_none(&self) -> bool {
        self.count == "0"
    }
}

/// Samples of one class by what they were taken for.
#[derive(Debug)]
pub(crate) struct MatrixRow {
    pub(crate) name: String,
    pub(crate) cells: Vec<Cell>,
}

/// A table of figures, by what the first column names.
#[derive(Debug)]
pub(crate) struct Scores {
    pub(crate) caption: &'static str,
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<(String, Vec<String>)>,
}

/// How well a circuit does on data.
#[derive(Debug)]
pub(crate) struct Predictions {
    /// The most telling figure, for the head of the page.
    pub(crate) headline: Option<Named>,
    pub(crate) about: String,
    pub(crate) warning: String,
    pub(crate) tiles: Vec<Named>,
    pub(crate) matrix: Vec<MatrixRow>,
    /// Whether there are too many classes for a matrix.
    pub(crate) has_no_room: bool,
    pub(crate) scores: Scores,
    pub(crate) figures: Vec<Figure>,
}

impl Predictions {
    pub(crate) fn of(circuit: &Circuit, data: &Dataset, about: &str) -> Result<Self, PageError> {
        let metrics = circuit.evaluate(data)?;
        let answers = data
            .samples()
            .map(|sample| circuit.simulate(&sample))
            .collect::<Result<Vec<Logits>, InputError>>()?;
        let (scores, figures) = match (&metrics.details, data.targets()) {
            (Details::Classes(classes), Targets::Classes { labels, .. }) => {
                (of_classes(classes), roc(classes, &answers, labels)?.into_iter().collect())
            }
            (Details::Numbers(numbers), Targets::Values(values)) => {
                (of_numbers(numbers), residuals(&answers, &values.view())?)
            }
            (Details::Labels(labels), _) => (of_labels(labels), Vec::new()),
            (Details::Classes(classes), _) => (of_classes(classes), Vec::new()),
            (Details::Numbers(numbers), _) => (of_numbers(numbers), Vec::new()),
        };
        let about = text::short(about, 200);
        Ok(Self {
            headline: headline(&metrics, &about),
            about,
            warning: metrics.warning().unwrap_or_default(),
            tiles: tiles(&metrics),
            has_no_room: metrics.confusion().is_some_and(|counts| counts.len() > CLASSES),
            matrix: metrics.confusion().map_or_else(Vec::new, |counts| matrix(&metrics, counts)),
            scores,
            figures,
        })
    }
}

fn headline(metrics: &Metrics, about: &str) -> Option<Named> {
    let (name, value) = match (metrics.r2(), metrics.accuracy) {
        (Some(r2), _) => ("R2", text::number(r2)),
        (None, Some(accuracy)) => ("accuracy", text::percent(accuracy)),
        (None, None) => return None,
    };
    Some(Named::new(name, value, format!("on {about} ({})", text::length(metrics.samples))))
}

fn tiles(metrics: &Metrics) -> Vec<Named> {
    let mut tiles = vec![Named::new("samples", text::length(metrics.samples), "")];
    let mut add = |name: &str, value: Option<String>| {
        tiles.extend(value.map(|value| Named::new(name, value, "")));
    };
    add("accuracy", metrics.accuracy.map(text::percent));
    add("balanced", metrics.balanced_accuracy().map(text::percent));
    add("F1", metrics.f1().map(|value| format!("{value:.3}")));
    add("ROC area", metrics.auc().map(|value| format!("{value:.3}")));
    add("R2", metrics.r2().map(|value| format!("{value:.3}")));
    add("loss", Some(text::number(metrics.loss)));
    tiles
}

fn matrix(metrics: &Metrics, counts: &[Vec<usize>]) -> Vec<MatrixRow> {
    let Details::Classes(classes) = &metrics.details else { return Vec::new() };
    if counts.len() > CLASSES {
        return Vec::new();
    }
    let row =
        |(index, (class, counts)): (usize, (&fheqat_runtime::train::metrics::ClassScore, &Vec<usize>))| {
            let all = counts.iter().sum::<usize>().max(1) as f64;
            let cells = counts.iter().enumerate().map(|(other, count)| Cell {
                count: text::length(*count),
                part: format!("{:.3}", *count as f64 / all),
                is_right: index == other,
            });
            MatrixRow { name: text::short(&class.name, 40), cells: cells.collect() }
        };
    classes.classes.iter().zip(counts).enumerate().map(row).collect()
}

fn area(area: Option<f64>) -> String {
    area.map_or_else(String::new, |area| format!("{area:.3}"))
}

fn of_classes(classes: &ClassMetrics) -> Scores {
    let rows = classes.classes.iter().map(|class| {
        let figures = vec![
            text::length(class.samples),
            text::percent(class.precision),
            text::percent(class.recall),
            format!("{:.3}", class.f1),
            area(class.auc),
        ];
        (class.name.clone(), figures)
    });
    let columns = vec!["class", "samples", "precision", "recall", "F1", "AUC"];
    Scores { caption: "By class", columns, rows: rows.collect() }
}

fn of_labels(labels: &LabelMetrics) -> Scores {
    let rows = labels.labels.iter().map(|label| {
        let figures = vec![
            text::length(label.samples),
            text::length(label.predicted),
            text::percent(label.accuracy),
            text::percent(label.precision),
            text::percent(label.recall),
            format!("{:.3}", label.f1),
            area(label.auc),
        ];
        (label.name.clone(), figures)
    });
    let columns = vec!["label", "samples", "predicted", "accuracy", "precision", "recall", "F1", "AUC"];
    Scores { caption: "By label", columns, rows: rows.collect() }
}

fn of_numbers(numbers: &NumberMetrics) -> Scores {
    let rows = numbers.outputs.iter().enumerate().map(|(output, score)| {
        let figures = vec![
            format!("{:.3}", score.r2),
            text::number(score.mean_absolute_error),
            text::number(score.root_mean_squared_error),
        ];
        (output.to_string(), figures)
    });
    let columns = vec!["output", "R2", "mean absolute error", "root mean squared error"];
    Scores { caption: "By output", columns, rows: rows.collect() }
}

/// Of two classes, how many of the second are found against how many of the first are taken for it, by the threshold.
fn roc(classes: &ClassMetrics, answers: &[Logits], labels: &[usize]) -> Result<Option<Figure>, PageError> {
    let ([_, second], Some(auc)) = (classes.classes.as_slice(), classes.auc) else { return Ok(None) };
    let scored = answers.iter().zip(labels).filter_map(|(answer, label)| match answer.values[..] {
        [first, second] => Some((f64::from(second) - f64::from(first), *label == 1)),
        _ => None,
    });
    let curve = curve(scored.collect());
    let axes = Axes {
        x: (0.0, 1.0),
        y: (0.0, 1.0),
        x_name: "of the others, taken for it",
        y_name: "of its samples, found",
        x_text: &|x| format!("{:.0} %", 100.0 * x),
        y_text: &|y| format!("{:.0} %", 100.0 * y),
    };
    let name = text::short(&second.name, 40);
    let description = format!("The area under the curve is {auc:.3}; 1 is perfect, 0.5 is chance");
    Figure::new(format!("ROC curve of {name}, area {auc:.3}"), description, (WIDTH, 320), |area| {
        let mut chart = chart(area, &axes)?;
        chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], stroke(Role::Soft, 10)))?;
        chart.draw_series(LineSeries::new(curve, stroke(Role::Accent, 22)))?;
        Ok(())
    })
    .map(Some)
}

/// The points of a ROC curve, ties taken together.
fn curve(mut scored: Vec<(f64, bool)>) -> Vec<(f64, f64)> {
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let there = scored.iter().filter(|(_, is_there)| *is_there).count();
    let (all, not) = (there.max(1) as f64, (scored.len() - there).max(1) as f64);
    let (mut found, mut wrong) = (0.0, 0.0);
    let mut points = vec![(0.0, 0.0)];
    for ties in scored.chunk_by(|a, b| a.0 <= b.0) {
        let right = ties.iter().filter(|(_, is_there)| *is_there).count() as f64;
        found += right;
        wrong += ties.len() as f64 - right;
        points.push((wrong / not, found / all));
    }
    let step = points.len().div_ceil(POINTS).max(1);
    let last = points.last().copied();
    points.into_iter().step_by(step).chain(last).collect()
}

/// Of each output predictions beside what is right, and a histogram of what is between them.
fn residuals(answers: &[Logits], values: &ArrayView2<'_, f32>) -> Result<Vec<Figure>, PageError> {
    let mut figures = Vec::new();
    for (output, right) in values.columns().into_iter().enumerate().take(OUTPUTS) {
        let pairs: Vec<(f64, f64)> = right
            .iter()
            .zip(answers)
            .filter_map(|(right, answer)| Some((f64::from(*right), f64::from(*answer.values.get(output)?))))
            .filter(|(right, found)| right.is_finite() && found.is_finite())
            .collect();
        let name = if values.ncols() > 1 { format!(", output {output}") } else { String::new() };
        figures.push(beside(&pairs, &name)?);
        figures.push(errors(&pairs, &name)?);
    }
    Ok(figures)
}

fn beside(pairs: &[(f64, f64)], name: &str) -> Result<Figure, PageError> {
    let both = around(pairs.iter().flat_map(|&(right, found)| [right, found]), 0.05);
    let axes = Axes {
        x: both,
        y: both,
        x_name: "in the data",
        y_name: "predicted",
        x_text: &|x| text::number(*x),
        y_text: &|y| text::number(*y),
    };
    let step = pairs.len().div_ceil(POINTS).max(1);
    let description =
        format!("{}; the nearer to the diagonal, the better", text::many(pairs.len(), "sample"));
    Figure::new(format!("Predicted beside the data{name}"), description, (WIDTH, 320), |area| {
        let mut chart = chart(area, &axes)?;
        chart.draw_series(LineSeries::new([(both.0, both.0), (both.1, both.1)], stroke(Role::Soft, 10)))?;
        let dot = filled(Role::Accent, 0.55);
        chart.draw_series(pairs.iter().step_by(step).map(|&pair| Circle::new(pair, 3 * UNIT, dot)))?;
        Ok(())
    })
}

fn errors(pairs: &[(f64, f64)], name: &str) -> Result<Figure, PageError> {
    const BINS: usize = 30;
    let errors: Vec<f64> = pairs.iter().map(|(right, found)| found - right).collect();
    let (low, high) = around(errors.iter().copied(), 0.02);
    let width = (high - low) / BINS as f64;
    let mut counts = [0_usize; BINS];
    for error in &errors {
        counts[(((error - low) / width) as usize).min(BINS - 1)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1) as f64;
    let mean = errors.iter().sum::<f64>() / errors.len().max(1) as f64;
    let axes = Axes {
        x: (low, high),
        y: (0.0, 1.1 * most),
        x_name: "predicted less what is in the data",
        y_name: "samples",
        x_text: &|x| text::number(*x),
        y_text: &|y| text::number(*y),
    };
    let description =
        format!("From {} to {}, {} on average", text::number(low), text::number(high), text::number(mean));
    Figure::new(format!("Residuals{name}"), description, (WIDTH, 320), |area| {
        let mut chart = chart(area, &axes)?;
        chart.draw_series(counts.iter().enumerate().filter(|(_, count)| **count > 0).map(
            |(bin, count)| {
                let left = low + width * bin as f64;
                let corners = [(left + 0.06 * width, 0.0), (left + 0.94 * width, *count as f64)];
                Rectangle::new(corners, filled(Role::Accent, 0.9))
            },
        ))?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_takes_ties_together_and_ends_at_one() {
        let scored = vec![(3.0, true), (2.0, true), (2.0, false), (1.0, false), (0.0, true)];
        let expected =
            [(0.0, 0.0), (0.0, 1.0 / 3.0), (0.5, 2.0 / 3.0), (1.0, 2.0 / 3.0), (1.0, 1.0), (1.0, 1.0)];
        assert_eq!(curve(scored), expected);
        assert_eq!(curve(Vec::new()), [(0.0, 0.0), (0.0, 0.0)]);
    }
}
