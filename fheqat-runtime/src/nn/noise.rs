//! The noise that sums may carry encrypted, as training and validation see it.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

use super::{
    ops::{Kernel, operation::Units, staircase::Staircase},
    program::Program,
};
use crate::{
    Seed,
    quant::{
        row::signed_divisor,
        tolerance::{deviation, output_deviation, sample, steepest},
    },
};

/// The stream of a seed that noise comes from.
const NOISE: u64 = 11;

/// Draws noise, number by number in the order that nodes run.
#[derive(Clone, Debug)]
pub(crate) struct Noise {
    seed: Seed,
    rng: ChaCha8Rng,
    /// How far what each staircase reads is off, in steps.
    steps: Vec<f64>,
    /// How far the outputs are off, in steps of what they sum.
    output: f64,
    /// The sum of the squares of the weights of an output, where they are ones.
    ones: f64,
    /// What each staircase read in the last batch; empty where it reads exactly.
    read: Vec<Vec<f32>>,
}

impl Noise {
    /// `factor` times what a program tolerates; `None` where that is nothing.
    pub(crate) fn new(program: &Program, seed: Seed, factor: f32) -> Option<Self> {
        let last = program.nodes.len() - 1;
        let steps: Vec<f64> = program.nodes.iter().map(|node| node.tolerance * f64::from(factor)).collect();
        let noise = Self {
            seed,
            rng: seed.rng(NOISE),
            output: steps[last],
            ones: program.squares_of_ones(last),
            read: vec![Vec::new(); steps.len()],
            steps,
        };
        noise.steps.iter().any(|&steps| steps > 0.0).then_some(noise)
    }

    /// Draws the same noise again from here on.
    pub(crate) fn restart(&mut self) {
        self.rng = self.seed.rng(NOISE);
    }

    /// What the staircase at `index` read in the last batch, where that was not what the node before it gave.
    pub(crate) fn read(&self, index: usize) -> Option<&[f32]> {
        Some(self.read[index].as_slice()).filter(|read| !read.is_empty())
    }

    /// What the staircase at `index` reads of `sums`, which the node at `from` gave.
    pub(crate) fn on_sums<'a>(
        &'a mut self,
        index: usize,
        staircase: &Staircase,
        (before, sources): (&[Kernel], &[Option<usize>]),
        sums: &'a [f32],
    ) -> &'a [f32] {
        let steps = self.steps[index];
        if steps <= 0.0 {
            return sums;
        }
        let width = staircase.gains.len();
        let steepest = steepest(staircase.lookup.as_ref(), staircase.levels);
        let units = units(before, sources, sources[index], width);
        let rises = staircase.rises();
        let rises = rises.iter().zip(&units).map(|(rise, unit)| rise * unit * steepest);
        let deviations: Vec<f64> = rises.map(|rise| deviation(steps, rise)).collect();
        let directions = match weights(before, sources, sources[index]) {
            Some(weights) => Directions::of(weights),
            None => Directions::apart(width),
        };
        let read = &mut self.read[index];
        read.clear();
        read.extend_from_slice(sums);
        add(read, &Spread::new(&directions, &deviations, &units), &mut self.rng);
        read
    }

    /// Adds noise to rows of outputs.
    pub(crate) fn on_outputs(
        &mut self,
        (kernels, sources): (&[Kernel], &[Option<usize>]),
        outputs: &mut [f32],
        width: usize,
    ) {
        if self.output <= 0.0 {
            return;
        }
        let squares = match weights(kernels, sources, kernels.len().checked_sub(1)) {
            Some(weights) => {
                let square = |weight: &f32| f64::from(weight * weight);
                weights.rows().into_iter().map(|row| row.iter().map(square).sum()).collect()
            }
            None => vec![self.ones],
        };
        if squares.iter().all(|&squares: &f64| squares <= 0.0) {
            return;
        }
        let positions = width / squares.len();
        let squares = squares.iter().flat_map(|&squares| std::iter::repeat_n(squares, positions));
        let deviations: Vec<f64> = squares.map(|squares| output_deviation(self.output, squares)).collect();
        let units = units(kernels, sources, kernels.len().checked_sub(1), width);
        add(outputs, &Spread::new(&Directions::apart(width), &deviations, &units), &mut self.rng);
    }
}

/// Which rows of weights are one row but for a factor: their sums are one accumulator in the circuit, with one noise.
struct Directions {
    /// For each row its direction, and the factor, in whose multiples its sums are.
    rows: Vec<(usize, f32)>,
    count: usize,
}

impl Directions {
    fn of(weights: &Array2<f32>) -> Self {
        let mut seen = HashMap::<Vec<i64>, usize>::new();
        let rows = weights.rows().into_iter().map(|row| {
            let row: Vec<i64> = row.iter().map(|&weight| weight as i64).collect();
            let factor = signed_divisor(row.iter().copied());
            let count = seen.len();
            let direction = *seen.entry(row.iter().map(|weight| weight / factor).collect()).or_insert(count);
            (direction, factor as f32)
        });
        let rows = rows.collect();
        Self { rows, count: seen.len() }
    }

    /// Sums that have nothing to do with one another.
    fn apart(count: usize) -> Self {
        Self { rows: (0..count).map(|row| (row, 1.0)).collect(), count }
    }
}

/// How far the numbers of a row are off.
struct Spread {
    /// Of each draw, in units of the circuit's accumulator.
    deviations: Vec<f64>,
    /// For each number the draw it is off by, and what one unit of that adds to it.
    numbers: Vec<(usize, f32)>,
}

impl Spread {
    /// From how far each number is off in units of its sum, and what one such unit adds to it. Of sums in one direction the
    /// strictest counts, as where they are merged.
    fn new(directions: &Directions, deviations: &[f64], units: &[f32]) -> Self {
        let positions = units.len() / directions.rows.len().max(1);
        let mut strictest = vec![f64::INFINITY; directions.count * positions];
        let numbers = units.iter().zip(deviations).enumerate().map(|(number, (unit, deviation))| {
            let (direction, factor) = directions.rows[number / positions];
            let draw = direction * positions + number % positions;
            if *deviation > 0.0 {
                strictest[draw] = strictest[draw].min(deviation / f64::from(factor.abs()));
            }
            (draw, unit * factor)
        });
        let numbers = numbers.collect();
        for deviation in strictest.iter_mut().filter(|deviation| deviation.is_infinite()) {
            *deviation = 0.0;
        }
        Self { deviations: strictest, numbers }
    }
}

fn add(rows: &mut [f32], spread: &Spread, rng: &mut ChaCha8Rng) {
    let mut draws = vec![0.0; spread.deviations.len()];
    for row in rows.chunks_exact_mut(spread.numbers.len()) {
        for (draw, deviation) in draws.iter_mut().zip(&spread.deviations) {
            *draw = sample(*deviation, rng) as f32;
        }
        for (value, (draw, unit)) in row.iter_mut().zip(&spread.numbers) {
            *value += draws[*draw] * unit;
        }
    }
}

/// The weights whose sums the node at `index` gives, or what batch normalisations make of them.
fn weights<'a>(
    kernels: &'a [Kernel],
    sources: &[Option<usize>],
    index: Option<usize>,
) -> Option<&'a Array2<f32>> {
    let index = index?;
    match &kernels[index] {
        Kernel::Norm(_) | Kernel::Constant(_) => weights(kernels, sources, sources[index]),
        kernel => kernel.get().weights(),
    }
}

/// What one unit of the integers behind each number of the node at `index` adds to it.
fn units(kernels: &[Kernel], sources: &[Option<usize>], index: Option<usize>, width: usize) -> Vec<f32> {
    let Some(index) = index else { return vec![1.0; width] };
    match kernels[index].get().units() {
        Units::All(unit) => vec![unit; width],
        Units::Each(units) => units.to_vec(),
        Units::TimesRead(factors) => {
            let inner = units(kernels, sources, sources[index], width);
            inner.iter().zip(factors).map(|(inner, factor)| inner * factor).collect()
        }
    }
}
