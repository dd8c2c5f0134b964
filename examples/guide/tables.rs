//! Rows of figures, ours beside the guide's, for people and as JSON.

use std::fmt;

use comfy_table::{CellAlignment, ContentArrangement, presets::ASCII_MARKDOWN};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct Table {
    title: &'static str,
    columns: Vec<&'static str>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    label: &'static str,
    unit: Unit,
    cells: Vec<Cell>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    /// A fraction, printed in percent.
    Accuracy,
    /// Bits of an accumulator, as Concrete counts them.
    Bits,
    /// A distance between features.
    Step,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Cell {
    Guide(Option<f64>),
    Measured(Summary),
}

/// Mean over the seeds, the standard deviation among them, and their ends.
#[derive(Serialize)]
pub(crate) struct Summary {
    mean: f64,
    deviation: f64,
    least: f64,
    most: f64,
}

impl Summary {
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self {
            mean,
            deviation: (squares / (count - 1.0).max(1.0)).sqrt(),
            least: values.iter().copied().fold(f64::INFINITY, f64::min),
            most: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

impl Table {
    pub(crate) fn new(title: &'static str, columns: &[&'static str]) -> Self {
        Self { title, columns: columns.to_vec(), rows: Vec::new() }
    }

    /// The guide's own figures; nothing where it has none.
    pub(crate) fn guide<const N: usize>(
        mut self,
        label: &'static str,
        unit: Unit,
        figures: [Option<f64>; N],
    ) -> Self {
        self.rows.push(Row { label, unit, cells: figures.map(Cell::Guide).into() });
        self
    }

    /// What was measured: of each column the outcomes of all seeds.
    pub(crate) fn measured<T>(
        mut self,
        label: &'static str,
        unit: Unit,
        runs: &[Vec<T>],
        figure: impl Fn(&T) -> f64,
    ) -> Self {
        let summary = |of_seeds: &Vec<T>| Summary::of(&of_seeds.iter().map(&figure).collect::<Vec<f64>>());
        self.rows.push(Row {
            label,
            unit,
            cells: runs.iter().map(|run| Cell::Measured(summary(run))).collect(),
        });
        self
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        table.load_style(ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(&self.columns);
        for Row { label, unit, cells } in &self.rows {
            let cells = cells.iter().map(|cell| unit.text(cell));
            table.add_row(std::iter::once((*label).to_owned()).chain(cells));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        write!(f, "{}\n\n{table}\n", self.title)
    }
}

impl Unit {
    fn text(self, cell: &Cell) -> String {
        let number = |value: f64| match self {
            Self::Accuracy => format!("{:.2}", 100.0 * value),
            Self::Bits => format!("{value:.1}"),
            Self::Step => format!("{value:.3}"),
        };
        match cell {
            Cell::Guide(figure) => figure.map_or_else(String::new, number),
            Cell::Measured(Summary { mean, deviation, least, .. }) => {
                let worst = match self {
                    Self::Accuracy => format!(" ({})", number(*least)),
                    Self::Bits | Self::Step => String::new(),
                };
                format!("{} ± {}{worst}", number(*mean), number(*deviation))
            }
        }
    }
}
