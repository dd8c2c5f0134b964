//! The drawing of a network: a box for each part, arrows beside those that skip others.

use fheqat_runtime::spec::Range;
use plotters::{
    element::{PathElement, Polygon, Rectangle, Text},
    style::text_anchor::{HPos, VPos},
};

use super::{Network, Node, Sums};
use crate::{
    PageError,
    colours::Role,
    figure::{Area, Drawn, Figure, UNIT, anchored, filled, stroke, text as style},
    text,
};

/// Boxes that are drawn at most.
pub(crate) const MOST: usize = 40;
const WIDTH: i32 = crate::figure::WIDTH as i32;
const GAP: i32 = 22;
/// Points between arrows that skip boxes.
const LANE: i32 = 15;
const LANES: usize = 5;

/// An arrow beside the boxes, and the lane it has there.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Skip {
    from: usize,
    to: usize,
    lane: usize,
}

impl Network {
    /// Its drawing, of the first [`MOST`] boxes.
    pub(crate) fn drawing(&self) -> Result<Figure, PageError> {
        let nodes = &self.nodes[..self.nodes.len().min(MOST)];
        let edges: Vec<(usize, usize)> =
            self.edges.iter().copied().filter(|&(_, to)| to < nodes.len()).collect();
        let skips = lanes(&edges);
        let lanes = skips.iter().map(|skip| skip.lane + 1).max().unwrap_or(0) as i32;
        let right = WIDTH - 2 - if lanes > 0 { lanes * LANE + 12 } else { 0 };
        let tops: Vec<i32> = nodes
            .iter()
            .scan(2, |top, node| {
                let own = *top;
                *top += height(node) + GAP;
                Some(own)
            })
            .collect();
        let bottom = tops.iter().zip(nodes).map(|(top, node)| top + height(node)).max().unwrap_or(0) + 2;
        let description = self.in_words(&skips);
        let dearest = self.dearest();
        Figure::new(
            "What runs, in its order",
            description,
            (WIDTH.unsigned_abs(), bottom.unsigned_abs()),
            |area| {
                for (node, &top) in nodes.iter().zip(&tops) {
                    draw_node(area, node, (2, top, right, top + height(node)), dearest)?;
                }
                for &(from, to) in edges.iter().filter(|(from, to)| from + 1 == *to) {
                    arrow_down(area, tops[from] + height(&nodes[from]), tops[to])?;
                }
                for skip in &skips {
                    let ends = (tops[skip.from] + height(&nodes[skip.from]) - 14, tops[skip.to] + 14);
                    arrow_beside(area, right, right + 14 + LANE * skip.lane as i32, ends)?;
                }
                Ok(())
            },
        )
    }

    fn in_words(&self, skips: &[Skip]) -> String {
        let names: Vec<String> =
            self.nodes.iter().take(MOST).map(|node| text::short(&node.name, 60)).collect();
        let skips: Vec<String> =
            skips.iter().map(|skip| format!("{} is read by {}", names[skip.from], names[skip.to])).collect();
        let mut words = names.join(", then ");
        if !skips.is_empty() {
            words = format!("{words}. {}", skips.join("; "));
        }
        words
    }
}

/// The arrows that skip boxes, each in the first lane that is free beside its boxes.
fn lanes(edges: &[(usize, usize)]) -> Vec<Skip> {
    let mut used: Vec<usize> = Vec::new();
    let mut skips: Vec<(usize, usize)> = edges.iter().copied().filter(|(from, to)| from + 1 < *to).collect();
    skips.sort_by_key(|&(from, to)| (from, to));
    skips
        .into_iter()
        .map(|(from, to)| {
            let free = used.iter().position(|&until| until <= from);
            let lane = free.unwrap_or(used.len()).min(LANES - 1);
            if lane == used.len() {
                used.push(to);
            } else {
                used[lane] = used[lane].max(to);
            }
            Skip { from, to, lane }
        })
        .collect()
}

fn height(node: &Node) -> i32 {
    let sums = node.sums.as_ref().map_or(5, |sums| if sums.is_long() { 51 } else { 36 });
    28 + 17 * node.lines.len() as i32 + sums
}

impl Sums {
    /// Of the trained weights and of the bound.
    fn texts(&self) -> [String; 2] {
        let trained = self.trained.map_or("constant".to_owned(), text::range);
        [format!("sums {trained}"), format!("bound {}", text::range(self.bound))]
    }

    /// Whether both are too long for one line.
    fn is_long(&self) -> bool {
        self.texts().iter().map(|text| text.chars().count()).sum::<usize>() > 42
    }
}

fn draw_node(
    area: &Area<'_>,
    node: &Node,
    (left, top, right, bottom): (i32, i32, i32, i32),
    dearest: f64,
) -> Drawn {
    let corners = [(left * UNIT, top * UNIT), (right * UNIT, bottom * UNIT)];
    area.draw(&Rectangle::new(corners, filled(if node.is_client { Role::Ground } else { Role::Card }, 1.0)))?;
    let edge = if node.is_client { Role::Line } else { Role::Accent };
    let [(x, y), (far, low)] = corners;
    let around = vec![(x, y), (far, y), (far, low), (x, low), (x, y)];
    area.draw(&PathElement::new(around, stroke(edge, 10)))?;
    if !node.is_client {
        let mark = [(left * UNIT, top * UNIT), ((left + 4) * UNIT, bottom * UNIT)];
        area.draw(&Rectangle::new(mark, filled(Role::Accent, 1.0)))?;
    }
    let place = |x: i32, y: i32| (x * UNIT, y * UNIT);
    let bold = anchored(&style(Role::Ink, 12.5, true), HPos::Left, VPos::Center);
    let most = if node.price.is_some() { 28 } else { 38 };
    area.draw(&Text::new(text::short(&node.name, most), place(left + 14, top + 16), bold))?;
    if let Some(price) = node.price {
        let style = anchored(&style(Role::Ink, 12.5, false), HPos::Right, VPos::Center);
        area.draw(&Text::new(text::seconds(price), place(right - 12, top + 16), style))?;
        let share = if dearest > 0.0 { (price / dearest).clamp(0.0, 1.0) } else { 0.0 };
        let end = (left + 4) + (f64::from(right - left - 4) * share) as i32;
        let bar = [place(left + 4, bottom - 4), place(end, bottom)];
        area.draw(&Rectangle::new(bar, filled(Role::Accent, 0.45)))?;
    }
    let soft = anchored(&style(Role::Soft, 11.5, false), HPos::Left, VPos::Center);
    for (index, line) in node.lines.iter().enumerate() {
        let y = top + 35 + 17 * index as i32;
        area.draw(&Text::new(text::short(line, 48), place(left + 14, y), soft.clone()))?;
    }
    match &node.sums {
        Some(sums) => draw_sums(area, sums, (left + 14, right - 12), top + 30 + 17 * node.lines.len() as i32),
        None => Ok(()),
    }
}

/// A band for the bound and one in it for what trained weights can reach, with their numbers below.
fn draw_sums(area: &Area<'_>, sums: &Sums, (left, right): (i32, i32), top: i32) -> Drawn {
    let Sums { bound, trained } = sums;
    let all = trained.map_or(*bound, |trained| bound.cover(trained));
    let (low, high) = (all.lo as f64, all.hi as f64);
    let at = |value: i64| {
        let part = if high > low { (value as f64 - low) / (high - low) } else { 0.5 };
        ((f64::from(left) + f64::from(right - left) * part) * f64::from(UNIT)) as i32
    };
    let band = |range: &Range| {
        [(at(range.lo), top * UNIT), (at(range.hi).max(at(range.lo) + UNIT), (top + 7) * UNIT)]
    };
    area.draw(&Rectangle::new(band(bound), filled(Role::Line, 1.0)))?;
    if let Some(trained) = trained {
        area.draw(&Rectangle::new(band(trained), filled(Role::Accent, 0.8)))?;
    }
    if all.lo <= 0 && 0 <= all.hi {
        let zero = [(at(0), (top - 2) * UNIT), (at(0) + UNIT, (top + 9) * UNIT)];
        area.draw(&Rectangle::new(zero, filled(Role::Ink, 1.0)))?;
    }
    let style = |horizontal| anchored(&style(Role::Soft, 11.5, false), horizontal, VPos::Center);
    let [trained, bound] = sums.texts();
    let y = (top + 19) * UNIT;
    area.draw(&Text::new(trained, (left * UNIT, y), style(HPos::Left)))?;
    if sums.is_long() {
        area.draw(&Text::new(bound, (left * UNIT, y + 15 * UNIT), style(HPos::Left)))
    } else {
        area.draw(&Text::new(bound, (right * UNIT, y), style(HPos::Right)))
    }
}

fn head(area: &Area<'_>, (x, y): (i32, i32), [a, b]: [(i32, i32); 2]) -> Drawn {
    let points = vec![(x, y), (x + a.0, y + a.1), (x + b.0, y + b.1)];
    area.draw(&Polygon::new(points, filled(Role::Soft, 1.0)))
}

fn arrow_down(area: &Area<'_>, from: i32, to: i32) -> Drawn {
    let x = 40 * UNIT;
    let points = vec![(x, from * UNIT), (x, (to - 5) * UNIT)];
    area.draw(&PathElement::new(points, stroke(Role::Soft, 15)))?;
    head(area, (x, to * UNIT), [(-5 * UNIT, -8 * UNIT), (5 * UNIT, -8 * UNIT)])
}

fn arrow_beside(area: &Area<'_>, right: i32, lane: i32, (from, to): (i32, i32)) -> Drawn {
    let points = [(right, from), (lane, from), (lane, to), (right + 5, to)];
    let points: Vec<(i32, i32)> = points.iter().map(|(x, y)| (x * UNIT, y * UNIT)).collect();
    area.draw(&PathElement::new(points, stroke(Role::Soft, 15)))?;
    head(area, (right * UNIT, to * UNIT), [(8 * UNIT, -5 * UNIT), (8 * UNIT, 5 * UNIT)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_that_skip_boxes_have_lanes_of_their_own() {
        let edges = [(0, 1), (0, 3), (1, 2), (1, 4), (3, 5), (2, 3)];
        let found: Vec<(usize, usize, usize)> =
            lanes(&edges).into_iter().map(|skip| (skip.from, skip.to, skip.lane)).collect();
        assert_eq!(found, [(0, 3, 0), (1, 4, 1), (3, 5, 0)]);
    }
}
