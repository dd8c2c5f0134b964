//! How training went, and what the search for a cheap network tried.

use fheqat_runtime::train::{Epoch, History, Trial};
use plotters::{
    element::{Circle, Rectangle, Text},
    series::LineSeries,
    style::text_anchor::{HPos, VPos},
};

use crate::{
    PageError,
    colours::Role,
    figure::{
        Area, Axes, Drawn, Figure, UNIT, WIDTH, anchored, around, chart, filled, stroke, text as style,
    },
    text,
};

/// Trials that are drawn and listed at most.
const MOST: usize = 400;
/// Points of a curve at most, evenly from all epochs.
const POINTS: usize = 1_500;
/// Trials that have a number in the figure at most.
const NUMBERED: usize = 30;

/// Numbers by epoch under one name.
struct Curve {
    name: &'static str,
    role: Role,
    points: Vec<(f64, f64)>,
}

/// What a colour is for.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) role: String,
}

impl Key {
    pub(crate) fn series(index: usize, name: impl Into<String>) -> Self {
        Self { name: name.into(), role: format!("series-{}", index % crate::colours::SERIES + 1) }
    }
}

/// A figure and what its colours are for.
#[derive(Debug)]
pub(crate) struct Keyed {
    pub(crate) figure: Figure,
    pub(crate) keys: Vec<Key>,
}

/// A line of the table of trials.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) number: usize,
    pub(crate) tried: String,
    pub(crate) is_kept: bool,
    pub(crate) accuracy: String,
    pub(crate) loss: String,
    pub(crate) rotations: String,
    pub(crate) price: String,
    pub(crate) saved: String,
}

/// Curves and trials.
#[derive(Debug)]
pub(crate) struct Training {
    pub(crate) summary: String,
    pub(crate) warning: String,
    pub(crate) curves: Vec<Keyed>,
    pub(crate) search: Option<Figure>,
    pub(crate) rows: Vec<Row>,
    /// Trials that are not listed.
    pub(crate) left_out: usize,
}

impl Training {
    pub(crate) fn of(history: &History) -> Result<Self, PageError> {
        let trials = &history.trials[..history.trials.len().min(MOST)];
        Ok(Self {
            summary: summary(history),
            warning: history.warning.clone().unwrap_or_default(),
            curves: curves(history)?,
            search: (!trials.is_empty()).then(|| search(trials)).transpose()?,
            rows: rows(trials),
            left_out: history.trials.len() - trials.len(),
        })
    }
}

fn summary(history: &History) -> String {
    let (Some(last), kept) = (history.epochs.last(), history.epochs.get(history.kept)) else {
        return "No epochs were logged.".to_owned();
    };
    let kept = kept.unwrap_or(last);
    let loss =
        kept.validation_loss.map(|loss| format!(" and that on validation data {}", text::number(loss)));
    let right = kept.validation_accuracy;
    let right = right.map(|right| format!(", of which {} were right", text::percent(right)));
    format!(
        "{} were trained; the weights are those behind epoch {}, when the training loss was {}{}{}.",
        text::many(history.epochs.len(), "epoch"),
        kept.epoch,
        text::number(kept.train_loss),
        loss.unwrap_or_default(),
        right.unwrap_or_default()
    )
}

fn points(epochs: &[Epoch], of: impl Fn(&Epoch) -> Option<f64>) -> Vec<(f64, f64)> {
    let step = epochs.len().div_ceil(POINTS).max(1);
    let last = epochs.len().checked_sub(1).filter(|last| !last.is_multiple_of(step));
    let drawn = epochs.iter().step_by(step).chain(last.map(|last| &epochs[last]));
    let points = drawn.filter_map(|epoch| Some((epoch.epoch as f64, of(epoch)?)));
    points.filter(|(_, value)| value.is_finite()).collect()
}

fn curves(history: &History) -> Result<Vec<Keyed>, PageError> {
    let epochs = &history.epochs;
    let kept = epochs.get(history.kept).map(|epoch| epoch.epoch as f64);
    let curve = |name, series, points| Curve { name, role: Role::Series(series), points };
    let loss = vec![
        curve("training samples", 0, points(epochs, |epoch| Some(epoch.train_loss))),
        curve("validation data", 1, points(epochs, |epoch| epoch.validation_loss)),
    ];
    let right = vec![curve("validation data", 1, points(epochs, |epoch| epoch.validation_accuracy))];
    let rate = vec![curve("learning rate", 2, points(epochs, |epoch| Some(f64::from(epoch.rate))))];
    let weights = vec![curve("non-zero weights", 3, points(epochs, |epoch| Some(epoch.nonzero as f64)))];
    let number = |value: &f64| text::number(*value);
    let percent = |value: &f64| text::short_percent(*value);
    let figures = [
        ("Loss by epoch", "loss", loss, &number as &dyn Fn(&f64) -> String),
        ("Right on validation data", "right", right, &percent),
        ("Learning rate", "rate", rate, &number),
        ("Non-zero weights", "weights", weights, &number),
    ];
    let mut found = Vec::new();
    for (title, y_name, curves, y_text) in figures {
        let curves: Vec<Curve> = curves.into_iter().filter(|curve| !curve.points.is_empty()).collect();
        if curves.iter().any(|curve| curve.points.len() > 1) {
            found.push(lines(title, y_name, &curves, kept, y_text)?);
        }
    }
    Ok(found)
}

fn lines(
    title: &str,
    y_name: &str,
    curves: &[Curve],
    kept: Option<f64>,
    y_text: &dyn Fn(&f64) -> String,
) -> Result<Keyed, PageError> {
    let all = || curves.iter().flat_map(|curve| curve.points.iter().copied());
    let axes = Axes {
        x: around(all().map(|(x, _)| x), 0.02),
        y: around(all().map(|(_, y)| y), 0.08),
        x_name: "epoch",
        y_name,
        x_text: &|x| text::number(x.round()),
        y_text,
    };
    let said = curves.iter().filter_map(|curve| {
        let (first, last) = (curve.points.first()?, curve.points.last()?);
        Some(format!("{}: from {} to {}", curve.name, y_text(&first.1), y_text(&last.1)))
    });
    let description = said.collect::<Vec<_>>().join("; ");
    let figure = Figure::new(title, description, (WIDTH, 230), |area| {
        let mut chart = chart(area, &axes)?;
        let thick = 0.002 * (axes.x.1 - axes.x.0);
        chart.draw_series(kept.map(|kept| {
            Rectangle::new([(kept - thick, axes.y.0), (kept + thick, axes.y.1)], filled(Role::Soft, 0.5))
        }))?;
        for curve in curves {
            chart.draw_series(LineSeries::new(curve.points.iter().copied(), stroke(curve.role, 20)))?;
            let dot = filled(curve.role, 1.0);
            chart.draw_series(curve.points.last().map(|&point| Circle::new(point, 3 * UNIT, dot)))?;
        }
        Ok(())
    })?;
    let keys = if curves.len() < 2 {
        Vec::new()
    } else {
        curves.iter().enumerate().map(|(index, curve)| Key::series(index, curve.name)).collect()
    };
    Ok(Keyed { figure, keys })
}

/// Price against what validation data say.
fn search(trials: &[Trial]) -> Result<Figure, PageError> {
    let has_accuracy = trials.iter().any(|trial| trial.accuracy.is_some());
    let value = |trial: &Trial| if has_accuracy { trial.accuracy.unwrap_or(f64::NAN) } else { trial.loss };
    let (name, said): (&str, &dyn Fn(&f64) -> String) = if has_accuracy {
        ("right on validation data", &|y| text::short_percent(*y))
    } else {
        ("loss on validation data", &|y| text::number(*y))
    };
    let axes = Axes {
        x: around(trials.iter().map(|trial| trial.price.core_seconds), 0.08),
        y: around(trials.iter().map(value), 0.12),
        x_name: "core-seconds of an inference",
        y_name: name,
        x_text: &|x| text::number(*x),
        y_text: said,
    };
    let kept = trials.iter().filter(|trial| trial.is_kept).count();
    let description = format!(
        "{}, of which {kept} were kept, by price and by {name}; the table has the numbers",
        text::many(trials.len(), "trial")
    );
    Figure::new("What the search tried", description, (WIDTH, 260), |area| {
        let points: Vec<((f64, f64), usize, bool)> = trials
            .iter()
            .enumerate()
            .map(|(index, trial)| ((trial.price.core_seconds, value(trial)), index + 1, trial.is_kept))
            .filter(|((x, y), ..)| x.is_finite() && y.is_finite())
            .collect();
        draw_trials(area, &axes, &points)
    })
}

fn draw_trials(area: &Area<'_>, axes: &Axes<'_>, points: &[((f64, f64), usize, bool)]) -> Drawn {
    let mut chart = chart(area, axes)?;
    let kept = points.iter().filter(|(.., is_kept)| *is_kept).map(|(point, ..)| *point);
    chart.draw_series(LineSeries::new(kept, stroke(Role::Good, 10)))?;
    for &(point, number, is_kept) in points {
        let style_of = if is_kept { filled(Role::Good, 1.0) } else { stroke(Role::Soft, 12) };
        chart.draw_series([Circle::new(point, 4 * UNIT, style_of)])?;
        if is_kept && number <= NUMBERED {
            let (x, y) = chart.backend_coord(&point);
            let label = anchored(&style(Role::Ink, 11.5, false), HPos::Left, VPos::Center);
            area.draw(&Text::new(number.to_string(), (x + 8 * UNIT, y), label))?;
        }
    }
    Ok(())
}

fn rows(trials: &[Trial]) -> Vec<Row> {
    let mut before: Option<f64> = None;
    let row = |(index, Trial { tried, accuracy, loss, price, is_kept }): (usize, &Trial)| {
        let saved = before.map_or_else(String::new, |before| {
            format!("{:.4}", before - price.core_seconds).replace('-', "\u{2212}")
        });
        if *is_kept {
            before = Some(price.core_seconds);
        }
        Row {
            number: index + 1,
            tried: tried.to_string().replace('`', ""),
            is_kept: *is_kept,
            accuracy: accuracy.map_or_else(String::new, text::percent),
            loss: if loss.abs() < 1e3 { format!("{loss:.4}") } else { text::number(*loss) },
            rotations: text::length(price.rotations),
            price: format!("{:.4}", price.core_seconds),
            saved,
        }
    };
    trials.iter().enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_of_many_epochs_are_thinned_to_their_last() {
        let epoch = |epoch| Epoch {
            epoch,
            rate: 0.1,
            train_loss: epoch as f64,
            validation_loss: None,
            validation_accuracy: None,
            nonzero: 1,
        };
        for (count, expected) in [(0, 0), (1, 1), (1_500, 1_500), (1_501, 751), (30_000, 1_501)] {
            let epochs: Vec<Epoch> = (1..=count).map(epoch).collect();
            let points = points(&epochs, |epoch| Some(epoch.train_loss));
            assert_eq!(points.len(), expected, "{count}");
            assert_eq!(points.last().map(|point| point.0), (count > 0).then_some(count as f64));
        }
        assert!(points(&[epoch(1)], |_| Some(f64::NAN)).is_empty());
    }
}
