//! Networks that predict numbers.

use ndarray::{Array1, Array2, ArrayView1, Axis};
use rand::RngExt;

use super::*;

type Net<const OUT: usize> = Chain<3, 24, OUT, 24, 0, true>;

/// Samples whose targets are plain functions of three features, times a factor and plus an offset each.
fn numbers<const OUT: usize>(units: [(f32, f32); OUT]) -> Dataset {
    let mut rng = Seed(3).rng(0);
    let features = Array2::from_shape_fn((1200, 3), |_| f32::from(rng.random_range(0..4u8)) / 3.0);
    let functions = |x: ArrayView1<'_, f32>| [x[0] - x[1], (x[1] * 2.0).tanh() + x[2], 0.5 * x[0] + x[2]];
    let values = Array2::from_shape_fn((1200, OUT), |(row, output)| {
        let (factor, offset) = units[output];
        functions(features.row(row))[output % 3] * factor + offset
    });
    Dataset::values(features, values).unwrap()
}

fn config() -> TrainConfig {
    TrainConfig { epochs: Some(40), progress: false, ..TrainConfig::declared() }
}

fn r2(data: &Dataset, outputs: &Array2<f32>) -> Vec<f64> {
    let crate::data::Targets::Values(values) = data.targets() else { unreachable!() };
    let of_output = |(found, expected): (ArrayView1<'_, f32>, ArrayView1<'_, f32>)| {
        let expected: Array1<f64> = expected.mapv(f64::from);
        let mean = expected.mean().unwrap();
        let total: f64 = expected.iter().map(|value| (value - mean).powi(2)).sum();
        let left: f64 =
            found.iter().zip(&expected).map(|(found, value)| (f64::from(*found) - value).powi(2)).sum();
        1.0 - left / total
    };
    outputs.axis_iter(Axis(1)).zip(values.axis_iter(Axis(1))).map(of_output).collect()
}

/// Evaluation, integers, simulation and a saved network give the same bits in the user's units.
fn agree<N: Network>(net: &N, data: &Dataset) -> Array2<f32> {
    let outputs = net.predict(Precision::Quantized, data.features()).unwrap();
    let (circuit, quantized) = (net.circuit().unwrap(), net.quantized().unwrap());
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    for (sample, output) in data.samples().zip(outputs.rows()).take(200) {
        let expected = bits(&output.to_vec());
        assert_eq!(bits(&circuit.simulate(&sample).unwrap().values), expected);
        assert_eq!(bits(&quantized.run(&sample).unwrap()), expected);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    net.save(&path).unwrap();
    let mut other = N::new(Seed(77));
    other.load(&path).unwrap();
    assert_eq!(other.predict(Precision::Quantized, data.features()).unwrap(), outputs);
    outputs
}

#[test]
fn outputs_of_any_scale_are_learned_with_defaults_and_given_in_their_units() {
    let data = numbers([(1e-6, 3e-4), (250.0, -7e4), (1e7, 1e12)]);
    let mut net = Net::<3>::new(Seed(1));
    let history = net.train(&data, &config()).unwrap();
    // In squared deviations, so about 1 when nothing is learned yet.
    assert!(history.epochs[0].train_loss < 5.0 && history.epochs.last().unwrap().train_loss < 0.1);
    let outputs = agree(&net, &data);
    let r2 = r2(&data, &outputs);
    assert!(r2.iter().all(|r2| *r2 > 0.9), "{r2:?}");
}

#[test]
fn the_unit_of_the_targets_changes_no_weight() {
    let [plain, scaled] = [(1.0, 0.0), (1024.0, 0.0)].map(|unit| {
        let mut net = Net::<1>::new(Seed(1));
        net.train(&numbers([unit]), &config()).unwrap();
        (net.fc3.integers().unwrap(), net.predict(Precision::Quantized, numbers([unit]).features()).unwrap())
    });
    assert_eq!(plain.0, scaled.0);
    assert_eq!(plain.1 * 1024.0, scaled.1);
}

#[test]
fn a_constant_is_predicted_exactly_beside_what_is_learned() {
    let data = numbers([(1.0, 5.0), (0.0, 1e12), (0.0, 0.1)]);
    let mut net = Net::<3>::new(Seed(1));
    net.train(&data, &config()).unwrap();
    let outputs = agree(&net, &data);
    assert!(outputs.column(1).iter().all(|value| value.to_bits() == 1e12f32.to_bits()));
    assert!(outputs.column(2).iter().all(|value| value.to_bits() == 0.1f32.to_bits()));
    assert!(r2(&data, &outputs)[0] > 0.9);
    // Targets that are no longer constant are measured then.
    let data = numbers([(1.0, 5.0), (3.0, 1e3), (1.0, 0.0)]);
    net.train(&data, &config()).unwrap();
    let r2 = r2(&data, &agree(&net, &data));
    assert!(r2.iter().all(|r2| *r2 > 0.8), "{r2:?}");
}

#[test]
fn float_networks_give_the_user_s_units_and_keep_them_when_they_are_quantized() {
    let data = numbers([(250.0, -7e4), (1e-6, 0.0), (1.0, 0.0)]);
    let mut net = Net::<3>::new(Seed(1));
    net.train(&data, &TrainConfig { epochs: Some(60), progress: false, ..TrainConfig::float() }).unwrap();
    let float = r2(&data, &net.predict(Precision::Float, data.features()).unwrap());
    assert!(float.iter().all(|r2| *r2 > 0.97), "{float:?}");
    net.quantize(&data, &PtqConfig::default()).unwrap();
    agree(&net, &data);
    net.train(&data, &config()).unwrap();
    let quantized = r2(&data, &agree(&net, &data));
    assert!(quantized.iter().all(|r2| *r2 > 0.9), "{quantized:?}");
}

/// Such outputs cannot be negative, so deviations from a mean could not be learned.
#[test]
fn levels_from_zero_count_from_the_least_number() {
    let data = numbers([(40.0, -900.0), (1e-3, 0.5)]);
    let mut net = Positive::<false>::new(Seed(1));
    net.train(&data, &config()).unwrap();
    let outputs = agree(&net, &data);
    for (output, least, unit) in [(0, -940.0, 40.0), (1, 0.5, 1e-3)] {
        let found = outputs.column(output).fold(f32::INFINITY, |least, &value| least.min(value));
        assert!((least..least + unit).contains(&found), "{found} {least}");
    }
}

#[test]
fn outputs_with_a_step_of_the_user_s_keep_his_units() {
    let data = numbers([(2.0, 3.0), (1.0, 4.0)]);
    let mut net = Positive::<true>::new(Seed(1));
    net.train(&data, &config()).unwrap();
    let outputs = agree(&net, &data);
    assert!(outputs.iter().all(|value| (value * 2.0).fract() == 0.0 && (0.0..=7.5).contains(value)));
}

#[test]
fn searches_learn_numbers_too() {
    let data = numbers([(250.0, -7e4)]);
    let mut net = Net::<1>::new(Seed(1));
    let config = TrainConfig { epochs: Some(20), progress: false, ..TrainConfig::default() };
    net.train(&data, &config).unwrap();
    let r2 = r2(&data, &agree(&net, &data));
    assert!(r2[0] > 0.9, "{r2:?}");
}

#[test]
fn numbers_beyond_reach_are_refused() {
    let data = numbers([(1e31, 0.0)]);
    let error = Net::<1>::new(Seed(1)).train(&data, &config()).unwrap_err().to_string();
    assert!(error.contains("output 0, but a number to predict must be in -1e30..=1e30"), "{error}");
    let error = Net::<1>::new(Seed(1))
        .train(&numbers([(1.0, 0.0)]), &TrainConfig { loss: Loss::CrossEntropy, ..config() })
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`Loss::CrossEntropy` is not for targets that are numbers: use `Loss::Auto`, which follows the targets"
    );
}
