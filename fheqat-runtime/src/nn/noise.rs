//! The noise that sums may carry encrypted, as training and validation see it.

use std::collections::HashMap;

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

use super::{
    forward::{Kernel, Product, Staircase},
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
        let rises = staircase.gains.iter().zip(&units).map(|(gain, unit)| gain * unit * steepest);
        let deviations: Vec<f64> = rises.map(|rise| deviation(steps, rise)).collect();
        let directions = match product(before, sources, sources[index]) {
            Some(product) => Directions::of(&product.weights),
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
        let squares = match product(kernels, sources, kernels.len().checked_sub(1)) {
            Some(product) => {
                let square = |weight: &f32| f64::from(weight * weight);
                product.weights.rows().into_iter().map(|row| row.iter().map(square).sum()).collect()
            }
            _ => vec![self.ones],
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
fn product<'a>(
    kernels: &'a [Kernel],
    sources: &[Option<usize>],
    index: Option<usize>,
) -> Option<&'a Product> {
    let index = index?;
    match &kernels[index] {
        Kernel::Product(product) => Some(product),
        Kernel::Affine(_) | Kernel::Normalize(_) => product(kernels, sources, sources[index]),
        _ => None,
    }
}

/// What one unit of the integers behind each number of the node at `index` adds to it.
fn units(kernels: &[Kernel], sources: &[Option<usize>], index: Option<usize>, width: usize) -> Vec<f32> {
    let Some(index) = index else { return vec![1.0; width] };
    match &kernels[index] {
        Kernel::Product(product) => {
            product.affine.as_ref().map_or_else(|| vec![1.0; width], |affine| affine.units.clone())
        }
        Kernel::Affine(affine) => affine.units.clone(),
        Kernel::Normalize(normalize) => {
            let inner = units(kernels, sources, sources[index], width);
            inner.iter().zip(&normalize.affine.units).map(|(inner, unit)| inner * unit).collect()
        }
        Kernel::Wiring(wiring) => vec![wiring.unit; width],
        Kernel::Pool { unit, .. } => vec![*unit; width],
        Kernel::Encode(_) | Kernel::Requantize(_) | Kernel::Pass(_) | Kernel::Standardize(_) => {
            vec![1.0; width]
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::{
        circuit::{ir::Tolerance, lower::unnamed},
        data::{Dataset, checkerboard_points},
        fixture::{Branch, Chain, Curved, Normed, NormedImage, Stairs, Tolerant},
        nn::{Precision, activation::Gelu, forward::Runner, network::Network, slice},
        quant::Observer,
        train::calibrate::{Purpose, calibrate},
    };

    fn points() -> Dataset {
        checkerboard_points(3000, Seed(9))
    }

    fn images() -> Dataset {
        let pixels = Array2::from_shape_fn((1000, 120), |(sample, pixel)| {
            ((sample * 37 + pixel * pixel * 11) % 29) as f32 / 29.0 - 0.3
        });
        Dataset::classes(pixels, (0..1000).map(|sample| sample % 2).collect(), 2).unwrap()
    }

    /// Two runners of one network, calibrated, without noise and with it, that have run all the data.
    fn run<N: Network>(data: &Dataset, seed: Seed, is_training: bool) -> (Program, Runner, Runner) {
        let mut program = Program::of(&N::new(Seed(2))).unwrap();
        calibrate(&mut program, &data.features(), Observer::MinMax, Purpose::Train).unwrap();
        let make = if is_training { Runner::training } else { Runner::new };
        let runner = |program| make(program, Precision::Quantized, data.len()).unwrap();
        let (mut clean, mut noisy) = (runner(&program), runner(&program));
        clean.run(&data.features());
        noisy.noise = Noise::new(&program, seed, 1.0);
        noisy.run(&data.features());
        (program, clean, noisy)
    }

    fn deviation_of(values: impl Iterator<Item = f64>) -> f64 {
        let (count, squares) =
            values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value * value));
        (squares / f64::max(count, 1.0)).sqrt()
    }

    /// Quantizers without a function read what is off by `STEPS` of their steps, in front of batch normalisations too.
    fn check_steps<N: Network>(data: &Dataset, is_training: bool) {
        const STEPS: f64 = 4.0;
        let (program, _, noisy) = run::<N>(data, Seed(5), is_training);
        let mut checked = 0;
        for (index, node) in program.nodes.iter().enumerate() {
            let (Kernel::Requantize(staircase), Some(from)) = (&noisy.kernels[index], node.from) else {
                continue;
            };
            let sums = slice(&noisy.outputs[from]);
            let read = noisy.read(index, from);
            assert_eq!(sums.len(), read.len());
            if staircase.lookup.is_some() {
                continue;
            }
            let width = node.width;
            let off = read.iter().zip(sums).zip(staircase.gains.iter().cycle());
            let off = off.map(|((read, sum), gain)| f64::from((read - sum) * gain));
            let off: Vec<f64> = off.collect();
            let units = units(&noisy.kernels[..index], &noisy.sources, Some(from), width);
            let directions = match product(&noisy.kernels, &noisy.sources, Some(from)) {
                Some(product) => Directions::of(&product.weights),
                None => Directions::apart(width),
            };
            let mut ratios = Vec::new();
            for (row, (direction, factor)) in directions.rows.iter().enumerate() {
                let number = row * (width / directions.rows.len());
                let is_alone = directions.rows.iter().filter(|other| other.0 == *direction).count() == 1;
                // Whole units: where they are fine, their rounding adds a twelfth of a unit's square.
                let grain = f64::from(units[number] * staircase.gains[number] * factor).abs();
                if grain < STEPS && is_alone {
                    let expected = (STEPS * STEPS + grain * grain / 12.0).sqrt();
                    ratios.extend(off.iter().skip(number).step_by(width).map(|off| off / expected));
                }
            }
            if !ratios.is_empty() {
                let found = deviation_of(ratios.iter().copied());
                assert!((found - 1.0).abs() < 0.05, "{}: {found}", node.name);
                checked += 1;
            }
        }
        assert!(checked > 0);
    }

    #[test]
    fn quantizers_read_sums_that_are_off_by_their_steps() {
        for is_training in [false, true] {
            check_steps::<Tolerant<Chain<2, 30, 2, 30, 8, true>, 40>>(&points(), is_training);
            check_steps::<Tolerant<Branch, 40>>(&points(), is_training);
            check_steps::<Tolerant<Stairs, 40>>(&points(), is_training);
            check_steps::<Tolerant<Normed<1, 0>, 40>>(&points(), is_training);
            check_steps::<Tolerant<Normed<2, 8>, 40>>(&points(), is_training);
            check_steps::<Tolerant<NormedImage<2>, 40>>(&images(), is_training);
        }
    }

    /// Training draws for each sum what the optimised circuit lets its accumulator be off by.
    #[test]
    fn training_draws_what_circuits_tolerate() {
        fn check<N: Network>(data: &Dataset) {
            let (program, _, noisy) = run::<N>(data, Seed(6), false);
            let graph = unnamed(&program).unwrap().1;
            let tolerances: Vec<f64> = graph.accumulators.iter().map(|sum| sum.tolerance.0).collect();
            let mut drawn = Vec::new();
            for (index, node) in program.nodes.iter().enumerate() {
                let (Kernel::Requantize(_), Some(from)) = (&noisy.kernels[index], node.from) else {
                    continue;
                };
                let (read, sums) = (noisy.read(index, from), slice(&noisy.outputs[from]));
                let Kernel::Product(product) = &noisy.kernels[from] else { unreachable!() };
                let directions = Directions::of(&product.weights);
                for direction in 0..directions.count {
                    let row = directions.rows.iter().position(|row| row.0 == direction).unwrap();
                    let factor = f64::from(directions.rows[row].1);
                    let off = read.iter().zip(sums).skip(row).step_by(node.width);
                    drawn.push(deviation_of(off.map(|(read, sum)| f64::from(read - sum) / factor)));
                }
            }
            // A constant neuron has no accumulator.
            assert!(!tolerances.is_empty() && drawn.len() >= tolerances.len());
            for tolerance in tolerances.into_iter().filter(|tolerance| *tolerance > 1.0) {
                let expected = (tolerance * tolerance + 1.0 / 12.0).sqrt();
                assert!(
                    drawn.iter().any(|found| (found / expected - 1.0).abs() < 0.06),
                    "{expected} {drawn:?}"
                );
            }
            let last = program.nodes.len() - 1;
            let Kernel::Product(product) = &noisy.kernels[last] else { unreachable!() };
            let sums = noisy.outputs[program.nodes[last].from.unwrap()].dot(&product.weights.t());
            let affine = product.affine.as_ref().unwrap();
            for (output, Tolerance(tolerance)) in
                graph.outputs.iter().map(|output| output.tolerance).enumerate()
            {
                let values = noisy.outputs[last].column(output).into_iter().zip(sums.column(output));
                let off =
                    values.map(|(value, sum)| (value - affine.biases[output]) / affine.units[output] - sum);
                let found = deviation_of(off.map(f64::from));
                let expected = (tolerance * tolerance + 1.0 / 12.0).sqrt();
                assert!((found / expected - 1.0).abs() < 0.06, "{output}: {found} {expected}");
            }
        }
        check::<Tolerant<Chain<2, 12, 2, 12, 0, true>, 40>>(&points());
        check::<Tolerant<Curved<Gelu, 8, 8, 0, false>, 40>>(&points());
    }

    #[test]
    fn rows_up_to_a_factor_are_one_direction() {
        let weights = array![[2.0, -4.0], [0.0, 3.0], [-1.0, 2.0], [0.0, 0.0], [1.0, 2.0], [-3.0, 6.0]];
        let Directions { rows, count } = Directions::of(&weights);
        assert_eq!(count, 4);
        assert_eq!(rows, [(0, 2.0), (1, 3.0), (0, -1.0), (2, 1.0), (3, 1.0), (0, -3.0)]);
        // Of multiples of one sum the largest is off by as much as it may, and the others by a share of that.
        let spread = Spread::new(&Directions { rows, count }, &[6.0; 6], &[1.0; 6]);
        assert_eq!(spread.deviations, [2.0, 2.0, 6.0, 6.0]);
        assert_eq!(spread.numbers[5], (0, -3.0));
    }

    #[test]
    fn outputs_of_any_layer_are_off() {
        fn check<N: Network>(data: &Dataset, is_off: bool) {
            let mut program = Program::of(&N::new(Seed(2))).unwrap();
            calibrate(&mut program, &data.features(), Observer::MinMax, Purpose::Train).unwrap();
            let last = program.nodes.len() - 1;
            for node in &mut program.nodes[..last] {
                node.tolerance = 0.0;
            }
            let deviations = program.quantized().unwrap().output;
            let mut runner = Runner::training(&program, Precision::Quantized, data.len()).unwrap();
            let clean = runner.run(&data.features()).to_owned();
            runner.noise = Noise::new(&program, Seed(1), 1.0);
            let noisy = runner.run(&data.features()).to_owned();
            for (output, deviation) in deviations.deviation.iter().enumerate() {
                assert_eq!(*deviation > 0.0, is_off);
                let off = noisy.column(output).into_iter().zip(clean.column(output));
                let found = deviation_of(off.map(|(a, b)| f64::from(a - b)));
                assert_eq!(found > 0.0, is_off, "{output} {found}");
            }
        }
        check::<Tolerant<Normed<2, 8>, 40>>(&points(), true);
        check::<Tolerant<Chain<2, 12, 2, 12, 0, true>, 40>>(&points(), true);
    }

    #[test]
    fn nothing_is_drawn_for_what_is_exact() {
        let program = Program::of(&Tolerant::<Chain<2, 12, 2, 12, 0, true>, 0>::new(Seed(2))).unwrap();
        assert!(Noise::new(&program, Seed(1), 1.0).is_none());
        let program = Program::of(&Tolerant::<Chain<2, 12, 2, 12, 0, true>, 2>::new(Seed(2))).unwrap();
        assert!(Noise::new(&program, Seed(1), 0.0).is_none());
        assert!(Noise::new(&program, Seed(1), 1.0).is_some());
    }
}
