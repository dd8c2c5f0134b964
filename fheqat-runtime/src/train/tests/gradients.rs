//! Gradients beside finite differences and plain loops.

use fheqat_spec::Bias;
use ndarray::Array2;

use crate::{
    Seed,
    data::{Dataset, checkerboard},
    fixture::{
        Branch, Chain, Curved, Encoded, Image, MaxPooled, Normed, NormedImage, Padded,
        client::{BitsOfClient, ImageOnClient, OnClient},
        fill_output,
    },
    network::Network,
    nn::{
        Precision,
        gradients::Gradients,
        ops::{
            Kernel, Op,
            client::{ClientState, FloatState},
            norm,
            operation::Context,
            quantizer,
            route::Route,
            staircase::{Passage, Staircase, back_through_function},
            thermometer::ThermometerState,
        },
        program::Program,
        runner::Runner,
    },
    quant::{
        ChannelCode, Lookup,
        activation::{Function, Gelu, Sigmoid, Tanh},
    },
    train::{
        calibrate::{Purpose, calibrate},
        config::FeatureMap,
        encode,
        loss::{Loss, score},
    },
};

const BATCH: usize = 16;
const DELTA: f32 = 1e-3;

fn batch() -> Dataset {
    checkerboard(Seed(1)).0.pick(&(0..BATCH).collect::<Vec<_>>())
}

fn loss(program: &Program, data: &Dataset, loss: Loss) -> f64 {
    let rows: Vec<usize> = (0..BATCH).collect();
    let mut runner = Runner::training(program, Precision::Float, BATCH, Seed(0)).unwrap();
    let outputs = runner.run(&data.features());
    let mut slopes = Array2::zeros(outputs.dim());
    score(loss.into(), &outputs, data.targets(), &rows, slopes.view_mut()).mean_loss()
}

fn gradients(program: &Program, data: &Dataset, precision: Precision, loss: Loss) -> (Runner, Gradients) {
    let rows: Vec<usize> = (0..BATCH).collect();
    let mut runner = Runner::training(program, precision, BATCH, Seed(0)).unwrap();
    let mut gradients = Gradients::new(program, BATCH, &vec![1; program.nodes.len()]);
    let last = program.nodes.len() - 1;
    let outputs = runner.run(&data.features());
    score(loss.into(), &outputs, data.targets(), &rows, gradients.outputs[last].view_mut());
    gradients.run(program, &runner, BATCH);
    (runner, gradients)
}

fn images() -> Dataset {
    let pixels = Array2::from_shape_fn((BATCH, 120), |(sample, pixel)| {
        ((sample * 37 + pixel * pixel * 11) % 29) as f32 / 29.0 - 0.3
    });
    Dataset::classes(pixels, (0..BATCH).map(|sample| sample % 2).collect(), 2).unwrap()
}

#[test]
fn float_gradients_are_finite_differences() {
    let program = Program::of(&Chain::<2, 7, 2, 7, 0, false>::new(Seed(2))).unwrap();
    check_against_finite_differences(&program, &batch(), &[1, 3, 5], &[(0, 0), (1, 1)]);
}

#[test]
fn float_gradients_behind_bits_are_finite_differences() {
    let mut program = Program::of(&Encoded::new(Seed(2))).unwrap();
    encode::fit(&mut program, &batch(), FeatureMap::Auto).unwrap();
    check_against_finite_differences(&program, &batch(), &[1, 4], &[(0, 0), (1, 5)]);
}

#[test]
fn float_gradients_through_functions_are_finite_differences() {
    let program = Program::of(&Curved::<Gelu, 7, 7, 0, false>::new(Seed(2))).unwrap();
    check_against_finite_differences(&program, &batch(), &[1, 3, 5], &[(0, 0), (1, 1)]);
    let program = Program::of(&Curved::<Sigmoid, 7, 7, 0, false>::new(Seed(2))).unwrap();
    check_against_finite_differences(&program, &batch(), &[1, 3, 5], &[(0, 0), (1, 1)]);
}

/// Steps so small that the levels of a sample's sums are smooth: then straight-through gradients are exact.
#[test]
fn gradients_through_a_fine_table_are_finite_differences() {
    const SAMPLES: usize = 3000;
    let sums: Vec<f32> = (0..SAMPLES).map(|k| ((k * 37) % 201) as f32 - 100.0).collect();
    let slopes: Vec<f32> = sums.iter().map(|sum| sum / 100.0 + 0.3).collect();
    let table = |gain: f32, offset: f32, step: f32| Staircase {
        shares: Vec::new(),
        divisor: 1.0,
        gains: vec![gain],
        offsets: vec![offset],
        lookup: Some(Lookup { function: Function::of::<Tanh>(), step }),
        levels: fheqat_spec::Range::signed(8),
        unit: 1.0,
    };
    let (gain, step) = (0.014, 0.009);
    for (hold, offset, noise) in
        [(Bias::Free, 0.3, 0.0), (Bias::Centred, 0.2, 0.0), (Bias::Free, 0.3, 1.0), (Bias::Centred, 0.2, 1.0)]
    {
        // Noise of up to five steps, whatever gain and step are.
        let read = |gain: f32, step: f32| -> Vec<f32> {
            let off = |k: usize| (((k * 53) % 11) as f32 - 5.0) * noise * step / gain;
            sums.iter().enumerate().map(|(k, sum)| sum + off(k)).collect()
        };
        let loss = |gain: f32, offset: f32, step: f32| -> f64 {
            let mut levels = vec![0.0; SAMPLES];
            table(gain, offset, step).run(&read(gain, step), &mut levels);
            levels.iter().zip(&slopes).map(|(level, slope)| f64::from(level * slope)).sum()
        };
        let staircase = table(gain, offset, step);
        let lookup = staircase.lookup.unwrap();
        let (mut to, mut log_gains) = (vec![0.0; SAMPLES], vec![0.0]);
        let read = read(gain, step);
        let passage =
            Passage { hold, slopes: &slopes, sums: &sums, read: &read, to: &mut to, route: Route::Write };
        let log_rise = back_through_function(&staircase, &lookup, passage, &mut log_gains);
        let delta = 0.05f32;
        let (up, down) = (delta.exp(), (-delta).exp());
        let moved = |scale: f32| if hold == Bias::Centred { offset * scale } else { offset };
        let pairs = [
            (log_gains[0], loss(gain * up, moved(up), step) - loss(gain * down, moved(down), step)),
            (log_rise, loss(gain, offset, step * down) - loss(gain, offset, step * up)),
            (
                to.iter().sum::<f32>() / gain,
                loss(gain, offset + delta, step) - loss(gain, offset - delta, step),
            ),
        ];
        for (found, difference) in pairs {
            let expected = difference / f64::from(2.0 * delta);
            let close = (f64::from(found) - expected).abs() < 0.02 * expected.abs();
            assert!(close, "{hold:?} {found} {expected}");
        }
    }
}

#[test]
fn float_gradients_through_normalisations_are_finite_differences() {
    let program = Program::of(&Normed::<1, 0>::new(Seed(2))).unwrap();
    check_against_finite_differences(&program, &batch(), &[1, 4, 11, 14], &[(0, 0), (1, 1)]);
    check_norms_against_finite_differences(&program, &batch(), &[2, 5, 8, 9, 12, 15]);
    let program = Program::of(&NormedImage::<0>::new(Seed(2))).unwrap();
    check_against_finite_differences(&program, &images(), &[3], &[(0, 0), (2, 9), (5, 10)]);
    check_norms_against_finite_differences(&program, &images(), &[1, 4, 7]);
}

/// Behind a centred layer the mean stays in the values, so the gradient is another.
#[test]
fn gradients_through_a_batch_s_statistics_are_finite_differences() {
    for is_centred in [false, true] {
        let mut program = if is_centred {
            Program::of(&Normed::<2, 0>::new(Seed(2))).unwrap()
        } else {
            Program::of(&Normed::<1, 0>::new(Seed(2))).unwrap()
        };
        calibrate(&mut program, &batch().features(), crate::quant::Observer::MinMax, Purpose::Train).unwrap();
        fill_output(&mut program);
        let (runner, _) = gradients(&program, &batch(), Precision::Quantized, Loss::CrossEntropy);
        let Kernel::Norm(norm::Kernel::Batch(normalize)) = &runner.kernels[5] else { unreachable!() };
        let mut normalize = normalize.clone();
        let sums: Vec<f32> = (0..BATCH * 10).map(|k| ((k * k) % 23) as f32 - 4.0).collect();
        let slopes: Vec<f32> = (0..BATCH * 10).map(|k| ((k * 7) % 11) as f32 / 11.0 - 0.3).collect();
        let mut loss = |sums: &[f32]| -> f64 {
            let mut values = sums.to_vec();
            normalize.observe(sums);
            normalize.affine.run(&mut values);
            values.iter().zip(&slopes).map(|(value, slope)| f64::from(*value) * f64::from(*slope)).sum()
        };
        let expected: Vec<f64> = (0..sums.len())
            .map(|at| {
                let mut moved = sums.clone();
                let mut at = |delta: f32| {
                    moved[at] = sums[at] + delta;
                    loss(&moved)
                };
                (at(0.25) - at(-0.25)) / 0.5
            })
            .collect();
        loss(&sums);
        let mut found = vec![0.0; sums.len()];
        let (mut gammas, mut betas) = (vec![0.0; 10], vec![0.0; 10]);
        normalize.back(&slopes, &sums, &mut found, Route::Write, (&mut gammas, &mut betas));
        assert!(normalize.seen.iter().all(|seen| seen.is_centred == is_centred));
        for (expected, found) in expected.iter().zip(found) {
            let error = (expected - f64::from(found)).abs();
            assert!(error < 1e-3 * (1.0 + expected.abs()), "{is_centred} {expected} {found}");
        }
    }
}

#[test]
fn float_gradients_through_branches_are_finite_differences() {
    let program = Program::of(&Branch::new(Seed(3))).unwrap();
    check_against_finite_differences(&program, &batch(), &[1, 6, 11], &[(0, 0), (1, 1)]);
}

/// The seed puts no sum within [`DELTA`] of where its rectifier bends.
#[test]
fn float_gradients_through_windows_are_finite_differences() {
    let program = Program::of(&Image::<false>::new(Seed(4))).unwrap();
    check_against_finite_differences(&program, &images(), &[1, 6], &[(0, 0), (1, 4), (1, 17)]);
    check_against_finite_differences(&program, &images(), &[1], &[(2, 9), (3, 8), (5, 10)]);
}

#[test]
fn float_gradients_through_padding_gaps_constants_copies_and_parts_are_finite_differences() {
    let program = Program::of(&Padded::new(Seed(4))).unwrap();
    check_against_finite_differences(&program, &images(), &[1, 4, 11], &[(0, 0), (1, 3)]);
    check_against_finite_differences(&program, &images(), &[1], &[(0, 9), (1, 17)]);
}

/// In float the largest numbers of windows are apart by more than [`DELTA`] moves them; the same seed leaves out the same.
#[test]
fn float_gradients_through_largest_numbers_and_dropout_are_finite_differences() {
    let program = Program::of(&MaxPooled::new(Seed(4))).unwrap();
    check_against_finite_differences(&program, &images(), &[1, 6], &[(0, 0), (1, 4), (1, 17)]);
}

/// The slope of the loss, in the precision that training in float has, as `move_by` moves the program.
fn slope(program: &Program, data: &Dataset, criterion: Loss, move_by: impl Fn(&mut Program, f32)) -> f64 {
    let at = |delta: f32| {
        let mut moved = program.clone();
        move_by(&mut moved, delta);
        loss(&moved, data, criterion)
    };
    (at(DELTA) - at(-DELTA)) / f64::from(2.0 * DELTA)
}

fn check_against_finite_differences(
    program: &Program,
    data: &Dataset,
    layers: &[usize],
    weights: &[(usize, usize)],
) {
    for criterion in [Loss::CrossEntropy, Loss::MeanSquaredError] {
        let (_, found) = gradients(program, data, Precision::Float, criterion);
        for (&index, &(row, column)) in
            layers.iter().flat_map(|layer| weights.iter().map(move |at| (layer, at)))
        {
            let weight = slope(program, data, criterion, |program, delta| {
                let Op::Linear(state) = &mut program.nodes[index].op else { unreachable!() };
                state.weight[[row, column]] += delta;
            });
            let bias = slope(program, data, criterion, |program, delta| {
                let Op::Linear(state) = &mut program.nodes[index].op else { unreachable!() };
                state.bias[row] += delta;
            });
            let found_weight = f64::from(found.nodes[index].weights[[row, column]]);
            let found_bias = f64::from(found.nodes[index].biases[row]);
            assert!((weight - found_weight).abs() < 2e-3, "{index}: {weight} {found_weight}");
            assert!((bias - found_bias).abs() < 2e-3, "{index}: {bias} {found_bias}");
        }
    }
}

fn check_norms_against_finite_differences(program: &Program, data: &Dataset, norms: &[usize]) {
    for criterion in [Loss::CrossEntropy, Loss::MeanSquaredError] {
        let (_, found) = gradients(program, data, Precision::Float, criterion);
        for &index in norms {
            for channel in 0..found.nodes[index].gammas.len() {
                let gamma = slope(program, data, criterion, |program, delta| {
                    let state = program.nodes[index].op.norm_mut().unwrap();
                    state.gamma[channel] += delta;
                });
                let beta = slope(program, data, criterion, |program, delta| {
                    let state = program.nodes[index].op.norm_mut().unwrap();
                    state.beta[channel] += delta;
                });
                let found_gamma = f64::from(found.nodes[index].gammas[channel]);
                let found_beta = f64::from(found.nodes[index].biases[channel]);
                assert!((gamma - found_gamma).abs() < 2e-3, "{index}: {gamma} {found_gamma}");
                assert!((beta - found_beta).abs() < 2e-3, "{index}: {beta} {found_beta}");
            }
        }
    }
}

/// Of the client's layers at these indices, by some of their weights and biases.
fn check_client(program: &Program, data: &Dataset, layers: &[usize], weights: &[(usize, usize)]) {
    for criterion in [Loss::CrossEntropy, Loss::MeanSquaredError] {
        let (_, found) = gradients(program, data, Precision::Float, criterion);
        for (&index, &(row, column)) in
            layers.iter().flat_map(|layer| weights.iter().map(move |at| (layer, at)))
        {
            let moved = |change: &dyn Fn(&mut FloatState, f32)| {
                slope(program, data, criterion, |program, delta| {
                    let Op::Client(ClientState::Linear(state)) = &mut program.nodes[index].op else {
                        unreachable!()
                    };
                    change(state, delta);
                })
            };
            let weight = moved(&|state, delta| state.weight[[row, column]] += delta);
            let bias = moved(&|state, delta| state.bias[row] += delta);
            let found_weight = f64::from(found.nodes[index].weights[[row, column]]);
            let found_bias = f64::from(found.nodes[index].biases[row]);
            assert!((weight - found_weight).abs() < 2e-3, "{index}: {weight} {found_weight}");
            assert!((bias - found_bias).abs() < 2e-3, "{index}: {bias} {found_bias}");
        }
    }
}

#[test]
fn float_gradients_of_layers_of_the_client_are_finite_differences() {
    let mut program = Program::of(&OnClient::new(Seed(2))).unwrap();
    encode::fit(&mut program, &batch(), FeatureMap::Auto).unwrap();
    check_client(&program, &batch(), &[0, 3], &[(0, 0), (1, 1)]);
    check_norms_against_finite_differences(&program, &batch(), &[1]);
    check_against_finite_differences(&program, &batch(), &[5, 7], &[(0, 0), (1, 1)]);
    let program = Program::of(&ImageOnClient::new(Seed(4))).unwrap();
    check_client(&program, &images(), &[0, 2], &[(0, 0), (1, 4), (1, 17)]);
}

/// Quantized, the slopes behind the encoder are what its levels ask for, and a level's slope passes where it is none of the ends.
#[test]
fn quantized_gradients_pass_straight_through_what_encodes_the_client_s_numbers() {
    let data = batch();
    let mut program = Program::of(&OnClient::new(Seed(2))).unwrap();
    encode::fit(&mut program, &data, FeatureMap::Auto).unwrap();
    calibrate(&mut program, &data.features(), crate::quant::Observer::Percentile(0.8), Purpose::Train)
        .unwrap();
    fill_output(&mut program);
    let (runner, found) = gradients(&program, &data, Precision::Quantized, Loss::CrossEntropy);
    let step = program.levels(4).unwrap().0;
    let mut kinds = [0, 0];
    for (number, value) in runner.outputs[3].iter().enumerate() {
        let at = (number / 5, number % 5);
        let (passed, slope) = (found.outputs[3][at], found.outputs[4][at]);
        let is_inside = (-4.5..=3.5).contains(&(value / step));
        let expected = if is_inside { slope / step } else { 0.0 };
        assert!((passed - expected).abs() < 1e-6, "{value} {passed} {expected}");
        kinds[usize::from(is_inside)] += 1;
    }
    assert!(kinds[0] > 0 && kinds[1] > 0, "{kinds:?}");
    assert!(found.nodes[0].weights.iter().any(|slope| *slope != 0.0));
}

/// Averaged over how near a number is to a threshold, a bit's slope is that of a ramp from 0 to 1.
#[test]
fn slopes_of_bits_are_those_of_ramps() {
    let data = batch();
    let mut program = Program::of(&BitsOfClient::new(Seed(2))).unwrap();
    encode::fit(&mut program, &data, FeatureMap::Auto).unwrap();
    let (runner, found) = gradients(&program, &data, Precision::Float, Loss::CrossEntropy);
    let Op::Thermometer(ThermometerState { chosen: Some((_, code)), .. }) = &program.nodes[1].op else {
        unreachable!()
    };
    for sample in 0..BATCH {
        for (channel, own) in code.channels().iter().enumerate() {
            let ChannelCode::Quantity { thresholds, .. } = own else { unreachable!() };
            let (value, reach) =
                (runner.outputs[0][[sample, channel]], (thresholds[2] - thresholds[0]) / 2.0);
            let ramp = |bit: usize| if (value - thresholds[bit]).abs() <= reach { 0.5 / reach } else { 0.0 };
            let expected: f32 =
                (0..3).map(|bit| ramp(bit) * found.outputs[1][[sample, 3 * channel + bit]]).sum();
            let passed = found.outputs[0][[sample, channel]];
            assert!((passed - expected).abs() < 1e-5, "{passed} {expected}");
        }
    }
    assert!(found.nodes[0].weights.iter().any(|slope| *slope != 0.0));
}

/// What each field's readers ask of it, put together again by hand, in both precisions.
#[test]
fn gradients_of_several_readers_sum() {
    let data = batch();
    let mut program = Program::of(&Branch::new(Seed(2))).unwrap();
    let (_, in_float) = gradients(&program, &data, Precision::Float, Loss::CrossEntropy);
    calibrate(&mut program, &data.features(), crate::quant::Observer::MinMax, Purpose::Train).unwrap();
    fill_output(&mut program);
    let (runner, quantized) = gradients(&program, &data, Precision::Quantized, Loss::CrossEntropy);
    let Kernel::Quantizer(quantizer::Kernel::Requantize(staircase)) = &runner.kernels[9] else {
        unreachable!()
    };
    assert!(staircase.gains.iter().all(|gain| (gain - 1.0).abs() < 1e-6));
    for found in [in_float, quantized] {
        let [relu1, flat, quant2, add, cat] = [2, 5, 7, 8, 10].map(|node| &found.outputs[node]);
        assert!(relu1.iter().any(|slope| *slope != 0.0));
        for sample in 0..BATCH {
            for at in 0..6 {
                let near = |found: f32, expected: f32| {
                    assert!((found - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{found} {expected}");
                };
                near(quant2[[sample, at]], 2.0 * add[[sample, at]] + cat[[sample, 6 + at]]);
                let turned = (at % 3) * 2 + at / 3;
                let expected = add[[sample, at]] + cat[[sample, 12 + at]] + flat[[sample, turned]];
                near(relu1[[sample, at]], expected);
            }
        }
    }
}

/// The straight-through gradient of a centred layer, written down again sample by sample.
#[test]
fn quantized_gradients_are_those_of_a_plain_loop() {
    let data = batch();
    let mut program = Program::of(&Chain::<2, 7, 2, 7, 8, true>::new(Seed(2))).unwrap();
    calibrate(&mut program, &data.features(), crate::quant::Observer::MinMax, Purpose::Train).unwrap();
    fill_output(&mut program);
    let (runner, found) = gradients(&program, &data, Precision::Quantized, Loss::CrossEntropy);
    let Kernel::Quantizer(quantizer::Kernel::Requantize(staircase)) = &runner.kernels[4] else {
        unreachable!()
    };
    let Kernel::Linear(product) = &runner.kernels[5] else { unreachable!() };
    let unit = product.affine.as_ref().unwrap().units[0];
    let mut expected = Array2::<f32>::zeros((7, 7));
    for sample in 0..BATCH {
        for neuron in 0..7 {
            let z = runner.outputs[3][[sample, neuron]] * staircase.gains[neuron] + staircase.offsets[neuron];
            if !(-0.5..=7.5).contains(&z) {
                continue;
            }
            // `through_affine` has turned the slopes of the outputs into those of the sums.
            let slope: f32 =
                (0..2).map(|out| found.outputs[5][[sample, out]] * product.weights[[out, neuron]]).sum();
            for input in 0..7 {
                expected[[neuron, input]] +=
                    slope * staircase.gains[neuron] * (runner.outputs[2][[sample, input]] - 3.5);
            }
        }
    }
    assert!(unit > 0.0 && expected.iter().any(|slope| *slope != 0.0));
    for (expected, found) in expected.iter().zip(&found.nodes[3].weights) {
        assert!((expected - found).abs() < 1e-5 * (1.0 + expected.abs()), "{expected} {found}");
    }
}

/// The straight-through gradient of a centred convolution, written down again position by position: behind padding a
/// level is zero, and still counts from the middle.
#[test]
fn quantized_gradients_of_filters_are_those_of_a_plain_loop() {
    let data = images();
    let mut program = Program::of(&Image::<true>::new(Seed(2))).unwrap();
    calibrate(&mut program, &data.features(), crate::quant::Observer::MinMax, Purpose::Train).unwrap();
    fill_output(&mut program);
    let (runner, found) = gradients(&program, &data, Precision::Quantized, Loss::CrossEntropy);
    let Kernel::Quantizer(quantizer::Kernel::Requantize(staircase)) = &runner.kernels[2] else {
        unreachable!()
    };
    let filters = program.linear(1).unwrap().filters.as_ref().unwrap();
    let mut expected = Array2::<f32>::zeros((6, 18));
    for sample in 0..BATCH {
        for (filter, position) in (0..6 * 9).map(|out| (out / 9, out % 9)) {
            let out = filter * 9 + position;
            let z = runner.outputs[1][[sample, out]] * staircase.gains[out] + staircase.offsets[out];
            if !(-0.5..=7.5).contains(&z) {
                continue;
            }
            let slope = found.outputs[2][[sample, out]] * staircase.gains[out];
            expected.row_mut(filter).mapv_inplace(|sum| sum - slope * 3.5);
            for (weight, level) in filters.at(filter, position) {
                expected[[filter, weight]] += slope * runner.outputs[0][[sample, level]];
            }
        }
    }
    assert!(expected.iter().any(|slope| *slope != 0.0));
    for (expected, found) in expected.iter().zip(&found.nodes[1].weights) {
        assert!((expected - found).abs() < 1e-4 * (1.0 + expected.abs()), "{expected} {found}");
    }
}
