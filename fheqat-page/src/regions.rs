//! What a circuit of two features answers all over the plane.

use fheqat_runtime::{
    circuit::{Circuit, Task},
    data::{Dataset, FeatureKind, Targets},
    quant::{ChannelCode, Code},
};
use plotters::element::{Circle, Cross, Rectangle, TriangleMarker};

use crate::{
    PageError,
    colours::Role,
    figure::{Axes, Chart, Drawn, Figure, UNIT, WIDTH, around, chart, filled, stroke},
    text,
    training::Key,
};

/// Cells along each axis.
const CELLS: usize = 110;
const POINTS: usize = 500;
/// Classes that are named below the figure at most.
const NAMED: usize = 16;

/// A class in the table beside the figure.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) key: Key,
    /// Its part of the plane.
    pub(crate) plane: String,
    /// Samples of it that are shown.
    pub(crate) samples: String,
    /// Those of them that are answered wrong.
    pub(crate) wrong: String,
}

/// The plane, and its classes.
#[derive(Debug)]
pub(crate) struct Regions {
    pub(crate) figure: Figure,
    pub(crate) rows: Vec<Row>,
    pub(crate) has_samples: bool,
    /// Classes that are not listed.
    pub(crate) left_out: usize,
}

/// A sample that is shown.
struct Point {
    at: (f64, f64),
    /// Its class.
    class: usize,
    /// What the circuit answers.
    answer: usize,
}

/// The plane that is drawn.
struct Plane {
    x: (f64, f64),
    y: (f64, f64),
}

/// The figure; `None` unless there are two features that are numbers, and classes.
pub(crate) fn of(circuit: &Circuit, data: Option<&Dataset>) -> Result<Option<Regions>, PageError> {
    let [first, second] = circuit.codec.described.as_slice() else { return Ok(None) };
    let numbers = [first, second].iter().all(|feature| feature.kind == FeatureKind::Number);
    let classes = matches!(circuit.codec.task, Task::Classes(_) | Task::Unnamed);
    if !numbers || !classes || circuit.graph.outputs.len() < 2 {
        return Ok(None);
    }
    let Some(plane) = data.map_or_else(|| Plane::encoded(circuit), |data| Some(Plane::of(data))) else {
        return Ok(None);
    };
    let answers = plane.answers(circuit)?;
    let name = |class: usize| {
        let names = circuit.codec.task.names();
        names.get(class).map_or_else(|| format!("class {class}"), |name| text::short(name, 40))
    };
    let axes = Axes {
        x: plane.x,
        y: plane.y,
        x_name: &text::short(&named(&first.name, 0), 40),
        y_name: &text::short(&named(&second.name, 1), 40),
        x_text: &|x| text::number(*x),
        y_text: &|y| text::number(*y),
    };
    let points = data.map_or_else(|| Ok(Vec::new()), |data| points(circuit, data))?;
    let classes = circuit.graph.outputs.len();
    let rows = (0..classes.min(NAMED)).map(|class| {
        let cells = answers.iter().flatten().filter(|answer| **answer == class).count();
        let own = || points.iter().filter(|point| point.class == class);
        let wrong = own().filter(|point| point.answer != class).count();
        Row {
            key: Key::series(class, name(class)),
            plane: text::percent(cells as f64 / (CELLS * CELLS) as f64),
            samples: text::length(own().count()),
            wrong: text::length(wrong),
        }
    });
    let rows: Vec<Row> = rows.collect();
    let shares: Vec<String> = rows.iter().map(|row| format!("{} {}", row.key.name, row.plane)).collect();
    let description =
        format!("Of the plane: {}; {} are shown", shares.join(", "), text::many(points.len(), "sample"));
    let figure = Figure::new("What the circuit answers", description, (WIDTH, 340), |area| {
        let mut chart = chart(area, &axes)?;
        plane.draw(&mut chart, &answers)?;
        for point in &points {
            point.draw(&mut chart)?;
        }
        Ok(())
    })?;
    Ok(Some(Regions {
        figure,
        rows,
        has_samples: !points.is_empty(),
        left_out: classes.saturating_sub(NAMED),
    }))
}

/// A feature without a name is named by its index.
fn named(name: &str, index: usize) -> String {
    if name == index.to_string() { format!("feature {index}") } else { name.to_owned() }
}

fn points(circuit: &Circuit, data: &Dataset) -> Result<Vec<Point>, PageError> {
    let Targets::Classes { labels, .. } = data.targets() else { return Ok(Vec::new()) };
    let step = data.len().div_ceil(POINTS).max(1);
    let mut points = Vec::new();
    for (sample, class) in data.samples().zip(labels).step_by(step) {
        if let [x, y] = sample[..]
            && x.is_finite()
            && y.is_finite()
        {
            let answer = circuit.simulate(&sample)?.class();
            points.push(Point { at: (f64::from(x), f64::from(y)), class: *class, answer });
        }
    }
    Ok(points)
}

impl Plane {
    fn of(data: &Dataset) -> Self {
        let column = |index: usize| {
            let features = data.features();
            around(features.column(index).iter().map(|value| f64::from(*value)), 0.05)
        };
        Self { x: column(0), y: column(1) }
    }

    /// What the encoders tell apart; `None` where features go through something else first.
    fn encoded(circuit: &Circuit) -> Option<Self> {
        let encoder = circuit.codec.encoders.first()?;
        if !matches!(encoder.transform, fheqat_runtime::quant::Transform::AsIs) || !encoder.layers.is_empty()
        {
            return None;
        }
        let column = |index: usize| match &encoder.code {
            Code::Round(quantizer) => {
                let at = |level: i64| f64::from(quantizer.step) * level as f64;
                Some(around([at(quantizer.levels.lo), at(quantizer.levels.hi)], 0.1))
            }
            Code::Thermometer(code) => match code.channels().get(index)? {
                ChannelCode::Quantity { thresholds, .. } => {
                    let used = thresholds.iter().filter(|threshold| **threshold < f32::MAX);
                    Some(around(used.map(|threshold| f64::from(*threshold)), 0.15))
                }
                ChannelCode::Category { .. } => None,
            },
        };
        Some(Self { x: column(0)?, y: column(1)? })
    }

    fn cell(&self, row: usize, column: usize) -> [(f64, f64); 2] {
        let at = |(low, high): (f64, f64), index: usize| low + (high - low) * index as f64 / CELLS as f64;
        [(at(self.x, column), at(self.y, row)), (at(self.x, column + 1), at(self.y, row + 1))]
    }

    /// The class at the middle of each cell, by rows.
    fn answers(&self, circuit: &Circuit) -> Result<Vec<Vec<usize>>, PageError> {
        let answer = |row: usize, column: usize| {
            let [(left, bottom), (right, top)] = self.cell(row, column);
            let sample = [left.midpoint(right) as f32, bottom.midpoint(top) as f32];
            Ok(circuit.simulate(&sample)?.class())
        };
        (0..CELLS).map(|row| (0..CELLS).map(|column| answer(row, column)).collect()).collect()
    }

    /// Cells of one row and class beside each other are one rectangle.
    fn draw(&self, chart: &mut Chart<'_, '_>, answers: &[Vec<usize>]) -> Drawn {
        for (row, answers) in answers.iter().enumerate() {
            let mut from = 0;
            for run in answers.chunk_by(|a, b| a == b) {
                let [lower, _] = self.cell(row, from);
                from += run.len();
                let [_, upper] = self.cell(row, from - 1);
                let class = filled(Role::Series(run[0]), 0.24);
                chart.draw_series([Rectangle::new([lower, upper], class)])?;
            }
        }
        Ok(())
    }
}

impl Point {
    /// A mark of the class's colour and shape, with a ring where the answer is wrong.
    fn draw(&self, chart: &mut Chart<'_, '_>) -> Drawn {
        let role = Role::Series(self.class);
        match self.class % 3 {
            0 => chart.draw_series([Circle::new(self.at, 3 * UNIT, filled(role, 0.95))]).map(drop)?,
            1 => chart.draw_series([TriangleMarker::new(self.at, 4 * UNIT, filled(role, 0.95))]).map(drop)?,
            _ => chart.draw_series([Cross::new(self.at, 3 * UNIT, stroke(role, 18))]).map(drop)?,
        }
        if self.answer != self.class {
            chart.draw_series([Circle::new(self.at, 6 * UNIT, stroke(Role::Ink, 12))])?;
        }
        Ok(())
    }
}
