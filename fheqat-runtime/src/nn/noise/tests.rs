use ndarray::array;

use super::*;
use crate::{
    circuit::ir::Tolerance,
    data::{Dataset, checkerboard_points},
    fixture::{Branch, Chain, Curved, Normed, NormedImage, Stairs, Tolerant, fill_output},
    network::Network,
    nn::{Precision, lower::unnamed, matrix::slice, runner::Runner},
    quant::{Observer, activation::Gelu},
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
    fill_output(&mut program);
    let runner = |program| {
        if is_training {
            Runner::training(program, Precision::Quantized, data.len(), Seed(0)).unwrap()
        } else {
            Runner::new(program, Precision::Quantized, data.len()).unwrap()
        }
    };
    let (mut clean, mut noisy) = (runner(&program), runner(&program));
    clean.run(&data.features());
    noisy.noise = Noise::new(&program, seed, 1.0);
    noisy.run(&data.features());
    (program, clean, noisy)
}

fn deviation_of(values: impl Iterator<Item = f64>) -> f64 {
    let (count, squares) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value * value));
    (squares / f64::max(count, 1.0)).sqrt()
}

/// Quantizers without a function read what is off by `STEPS` of their steps, in front of batch normalisations too.
fn check_steps<N: Network>(data: &Dataset, is_training: bool) {
    const STEPS: f64 = 4.0;
    let (program, _, noisy) = run::<N>(data, Seed(5), is_training);
    let mut checked = 0;
    for (index, node) in program.nodes.iter().enumerate() {
        let (Some(staircase), Some(from)) = (noisy.kernels[index].get().staircase(), node.from) else {
            continue;
        };
        let sums = slice(&noisy.outputs[from]);
        let read = noisy.read(index, from);
        assert_eq!(sums.len(), read.len());
        if staircase.lookup.is_some() {
            continue;
        }
        let width = node.width;
        let rises = staircase.rises();
        let off = read.iter().zip(sums).zip(rises.iter().cycle());
        let off = off.map(|((read, sum), rise)| f64::from((read - sum) * rise));
        let off: Vec<f64> = off.collect();
        let units = units(&noisy.kernels[..index], &noisy.sources, Some(from), width);
        let directions = match weights(&noisy.kernels, &noisy.sources, Some(from)) {
            Some(weights) => Directions::of(weights),
            None => Directions::apart(width),
        };
        let mut ratios = Vec::new();
        for (row, (direction, factor)) in directions.rows.iter().enumerate() {
            let number = row * (width / directions.rows.len());
            let is_alone = directions.rows.iter().filter(|other| other.0 == *direction).count() == 1;
            // Whole units: where they are fine, their rounding adds a twelfth of a unit's square.
            let grain = f64::from(units[number] * rises[number] * factor).abs();
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
            let (Some(_), Some(from)) = (noisy.kernels[index].get().staircase(), node.from) else {
                continue;
            };
            let (read, sums) = (noisy.read(index, from), slice(&noisy.outputs[from]));
            let Kernel::Linear(product) = &noisy.kernels[from] else { unreachable!() };
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
            assert!(drawn.iter().any(|found| (found / expected - 1.0).abs() < 0.06), "{expected} {drawn:?}");
        }
        let last = program.nodes.len() - 1;
        let Kernel::Linear(product) = &noisy.kernels[last] else { unreachable!() };
        let sums = noisy.outputs[program.nodes[last].from.unwrap()].dot(&product.weights.t());
        let affine = product.affine.as_ref().unwrap();
        for (output, Tolerance(tolerance)) in graph.outputs.iter().map(|output| output.tolerance).enumerate()
        {
            let values = noisy.outputs[last].column(output).into_iter().zip(sums.column(output));
            let off = values.map(|(value, sum)| (value - affine.biases[output]) / affine.units[output] - sum);
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
        fill_output(&mut program);
        let last = program.nodes.len() - 1;
        for node in &mut program.nodes[..last] {
            node.tolerance = 0.0;
        }
        let deviations = program.quantized().unwrap().output;
        let mut runner = Runner::training(&program, Precision::Quantized, data.len(), Seed(0)).unwrap();
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
