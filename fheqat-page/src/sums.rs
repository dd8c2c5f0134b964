//! What sums took on data, beside what they can take.

use std::collections::BTreeMap;

use fheqat_runtime::{circuit::Circuit, data::Dataset, spec::Range};
use plotters::element::Rectangle;

use crate::{
    PageError,
    colours::Role,
    figure::{Area, Axes, Drawn, Figure, WIDTH, chart, filled},
    text,
};

/// Samples that are run at most, from all over the data.
const SAMPLES: usize = 2_000;
const BINS: i64 = 48;
/// A bound so many times as wide as what trained weights reach is not drawn.
const WIDE: f64 = 5.0;
/// Layers that are drawn at most.
const MOST: usize = 24;

/// How often the sums of a layer took each value.
#[derive(Clone, Debug, PartialEq)]
struct Counted {
    name: String,
    bound: Range,
    trained: Range,
    counts: BTreeMap<i64, u64>,
}

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) count: String,
    pub(crate) bound: String,
    pub(crate) trained: String,
    pub(crate) seen: String,
    pub(crate) middle: String,
    /// The part of the bound that was seen.
    pub(crate) part: String,
}

/// Histograms of all layers, and their table.
#[derive(Debug)]
pub(crate) struct Sums {
    pub(crate) samples: String,
    pub(crate) figures: Vec<Figure>,
    pub(crate) rows: Vec<Row>,
}

impl Sums {
    pub(crate) fn of(circuit: &Circuit, data: &Dataset) -> Result<Self, PageError> {
        let samples = spread(data, SAMPLES);
        let counted = count(circuit, &samples)?;
        Ok(Self {
            samples: text::many(samples.len(), "sample"),
            figures: counted.iter().take(MOST).map(Counted::figure).collect::<Result<_, _>>()?,
            rows: counted.iter().map(Counted::row).collect(),
        })
    }
}

/// At most so many samples, evenly from all over the data.
pub(crate) fn spread(data: &Dataset, most: usize) -> Vec<Vec<f32>> {
    let step = data.len().div_ceil(most).max(1);
    data.samples().step_by(step).collect()
}

fn count(circuit: &Circuit, samples: &[Vec<f32>]) -> Result<Vec<Counted>, PageError> {
    let graph = &circuit.graph;
    let cover = |ranges: &mut dyn Iterator<Item = Range>| ranges.reduce(Range::cover);
    let mut hidden: Vec<Option<Counted>> = (graph.layers.iter().enumerate())
        .map(|(index, layer)| {
            let of_layer = graph.accumulators.iter().filter(|sum| sum.layer == index);
            let trained = cover(&mut of_layer.map(|sum| sum.range))?;
            let name = format!("{} \u{2192} {}", layer.reads, layer.name);
            Some(Counted { name, bound: layer.bound, trained, counts: BTreeMap::new() })
        })
        .collect();
    let last = circuit.fields.iter().rev().find(|field| field.range.is_some());
    let trained = cover(&mut graph.outputs.iter().map(|output| output.range));
    let mut outputs = trained.map(|trained| Counted {
        name: format!("{} \u{2192} the client", last.map_or("outputs", |field| field.name.as_str())),
        bound: last.and_then(|field| field.range).unwrap_or(trained),
        trained,
        counts: BTreeMap::new(),
    });
    for sample in samples {
        let levels = circuit.codec.encode(sample)?;
        for (sum, accumulator) in graph.sums(&levels).into_iter().zip(&graph.accumulators) {
            if let Some(Some(layer)) = hidden.get_mut(accumulator.layer) {
                *layer.counts.entry(sum).or_default() += 1;
            }
        }
        let Some(outputs) = &mut outputs else { continue };
        for (value, output) in graph.simulate(&levels).into_iter().zip(&graph.outputs) {
            *outputs.counts.entry(value.saturating_sub(output.constant)).or_default() += 1;
        }
    }
    Ok(hidden.into_iter().flatten().chain(outputs).collect())
}

impl Counted {
    fn sums(&self) -> u64 {
        self.counts.values().sum()
    }

    fn seen(&self) -> Option<Range> {
        let (low, high) = (self.counts.first_key_value()?.0, self.counts.last_key_value()?.0);
        Some(Range::new(*low, *high))
    }

    /// The least value that at least this part of the sums does not exceed.
    fn quantile(&self, part: f64) -> i64 {
        let rank = (part * self.sums() as f64).ceil().max(1.0) as u64;
        let mut below = 0;
        let at = self.counts.iter().find(|(_, count)| {
            below += **count;
            below >= rank
        });
        at.map_or(0, |(value, _)| *value)
    }

    fn row(&self) -> Row {
        let seen = self.seen();
        Row {
            name: self.name.clone(),
            count: text::count(self.sums()),
            bound: text::range(self.bound),
            trained: text::range(self.trained),
            seen: seen.map_or_else(String::new, text::range),
            middle: text::range(Range::new(self.quantile(0.01), self.quantile(0.99))),
            part: seen.map_or_else(String::new, |seen| text::percent(width(seen) / width(self.bound))),
        }
    }

    /// What is drawn: the bound, unless the bars would be too thin.
    fn view(&self) -> Range {
        let all = self.seen().map_or(self.trained, |seen| seen.cover(self.trained));
        if width(self.bound) <= WIDE * width(all) { self.bound.cover(all) } else { all }
    }

    fn figure(&self) -> Result<Figure, PageError> {
        let view = self.view();
        let beyond = if view.contains(self.bound) { "" } else { "; the bound is beyond the edges" };
        let description = format!(
            "{} sums from {}; trained weights reach {}, the bound is {}{beyond}",
            text::count(self.sums()),
            self.seen().map_or_else(|| "none".to_owned(), text::range),
            text::range(self.trained),
            text::range(self.bound)
        );
        let title = format!("{}{}", text::short(&self.name, 44), if beyond.is_empty() { "" } else { " *" });
        Figure::new(title, description, (WIDTH, 210), |area| self.draw(area, view))
    }

    fn draw(&self, area: &Area<'_>, view: Range) -> Drawn {
        let step = (view.count() + BINS - 1).div_euclid(BINS).max(1);
        let mut bins: BTreeMap<i64, u64> = BTreeMap::new();
        for (value, count) in &self.counts {
            *bins.entry((value - view.lo).div_euclid(step)).or_default() += count;
        }
        let all = self.sums().max(1) as f64;
        let most = bins.values().copied().max().unwrap_or(1) as f64 / all;
        let (low, high) = (view.lo as f64 - 0.5, view.hi as f64 + 0.5);
        let room = 0.02 * (high - low);
        let axes = Axes {
            x: (low - room, high + room),
            y: (0.0, 1.1 * most),
            x_name: "sum",
            y_name: "of all sums",
            x_text: &|x| text::number(x.round()),
            y_text: &|y| text::short_percent(*y),
        };
        let mut chart = chart(area, &axes)?;
        let trained = (self.trained.lo as f64 - 0.5, self.trained.hi as f64 + 0.5);
        let band = Rectangle::new([(trained.0, 0.0), (trained.1, 1.1 * most)], filled(Role::Accent, 0.12));
        chart.draw_series([band])?;
        let gap = 0.06 * step as f64;
        chart.draw_series(bins.iter().map(|(bin, count)| {
            let left = (view.lo + bin * step) as f64 - 0.5;
            let corners = [(left + gap, 0.0), (left + step as f64 - gap, *count as f64 / all)];
            Rectangle::new(corners, filled(Role::Accent, 0.9))
        }))?;
        let thick = 0.004 * (high - low);
        let edges = [self.bound.lo as f64 - 0.5, self.bound.hi as f64 + 0.5];
        let edges = edges.into_iter().filter(|edge| (low..=high).contains(edge));
        chart.draw_series(edges.map(|edge| {
            Rectangle::new([(edge - thick, 0.0), (edge + thick, 1.1 * most)], filled(Role::Ink, 0.8))
        }))?;
        Ok(())
    }
}

fn width(range: Range) -> f64 {
    range.hi as f64 - range.lo as f64 + 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_ranges_and_quantiles() {
        let counted = Counted {
            name: "fc".to_owned(),
            bound: Range::new(-50, 49),
            trained: Range::new(-8, 8),
            counts: [(-3, 1), (0, 98), (7, 1)].into(),
        };
        let row = counted.row();
        assert_eq!((row.seen.as_str(), row.part.as_str()), ("\u{2212}3 \u{2026} 7", "11.0 %"));
        assert_eq!([0.01, 0.02, 0.99, 1.0].map(|part| counted.quantile(part)), [-3, 0, 0, 7]);
        assert_eq!(counted.view(), Range::new(-8, 8), "the bound is more than five times as wide");
        assert!(counted.figure().unwrap().description.ends_with("the bound is beyond the edges"));
    }
}
