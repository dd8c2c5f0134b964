//! What outputs answer: names, probabilities and labels.

use ndarray::Array2;
use rand::RngExt;

use super::*;
use crate::circuit::{Circuit, Task};

fn named(names: [&str; 2]) -> Dataset {
    small().with_class_names(names.map(str::to_owned).to_vec()).unwrap()
}

fn bits(values: impl IntoIterator<Item = f32>) -> Vec<u32> {
    values.into_iter().map(f32::to_bits).collect()
}

/// Three labels of points on a grid, of which two lean on each other.
fn labelled() -> Dataset {
    let mut rng = Seed(8).rng(0);
    let features = Array2::from_shape_fn((1500, 3), |_| f32::from(rng.random_range(0..4u8)) / 3.0);
    let labels = Array2::from_shape_fn((1500, 3), |(row, label)| {
        let x = features.row(row);
        [x[0] > 0.5, x[0] + x[1] > 1.4, x[2] < 0.2][label]
    });
    let names = ["right", "far", "low"].map(str::to_owned).to_vec();
    Dataset::multi_label(features, labels).unwrap().with_class_names(names).unwrap()
}

#[test]
fn names_of_classes_are_kept_with_the_network() {
    let data = named(["black", "white"]);
    let mut net = Budget::new(Seed(1));
    assert_eq!(net.task(), Task::Unnamed);
    net.train(&data, &short()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    net.save(&path).unwrap();
    let mut other = Budget::new(Seed(2));
    other.load(&path).unwrap();
    assert_eq!(other.task(), net.task());
    let circuit = Circuit::from_bytes(&other.circuit().unwrap().to_bytes()).unwrap();
    let probabilities = other.predict_proba(Precision::Quantized, data.features()).unwrap();
    for (sample, probabilities) in data.samples().zip(probabilities.rows()).take(50) {
        let logits = circuit.simulate(&sample).unwrap();
        assert_eq!(logits.class_name(), Some(["black", "white"][logits.class()]));
        assert_eq!(bits(logits.predict_proba()), bits(probabilities.to_vec()));
    }
    let metrics = net.evaluate(&data).unwrap();
    assert!(metrics.to_string().contains(" white "), "{metrics}");
}

#[test]
fn a_circuit_does_as_well_as_the_network_that_it_was_lowered_from() {
    let data = named(["black", "white"]);
    let mut net = Budget::new(Seed(1));
    net.train(&data, &short()).unwrap();
    let circuit = net.circuit().unwrap();
    assert_eq!(circuit.evaluate(&data).unwrap(), net.evaluate(&data).unwrap());
    let three = Dataset::classes(Array2::zeros((3, 2)), vec![0, 1, 2], 3).unwrap();
    let wide = Dataset::classes(Array2::zeros((2, 3)), vec![0, 1], 2).unwrap();
    for refused in [three, wide, named(["white", "black"])] {
        assert_eq!(circuit.evaluate(&refused).unwrap_err(), net.evaluate(&refused).unwrap_err());
    }
}

#[test]
fn data_with_other_names_is_refused_and_numbers_are_not() {
    let mut net = Budget::new(Seed(1));
    net.train(&named(["black", "white"]), &short()).unwrap();
    let error = net.evaluate(&named(["white", "black"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "class 0 of the data is `white`, but the network was trained with `black` there: give the data the same names in the same \
         order (`CsvOptions::classes`)"
    );
    assert_eq!(
        net.evaluate(&small()).unwrap().accuracy,
        net.evaluate(&named(["black", "white"])).unwrap().accuracy
    );
    // A training takes the names that its data has.
    net.train(&named(["white", "black"]), &short()).unwrap();
    assert_eq!(net.task().names(), ["white", "black"]);
}

#[test]
fn a_file_with_names_of_another_network_is_refused() {
    use crate::nn::{targets::TargetState, tensors::WeightsError, weights};
    let mut net = Budget::new(Seed(1));
    net.train(&named(["black", "white"]), &short()).unwrap();
    let mut program = Program::of(&net).unwrap();
    let task = Task::Classes(vec!["one".to_owned()].into());
    *program.targets_mut().unwrap() = TargetState { task, scaling: None };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    weights::save(&program, &path).unwrap();
    let error = net.load(&path).unwrap_err();
    assert!(matches!(error, WeightsError::Note { .. }), "{error}");
    assert!(error.to_string().contains("it names 1 classes, but the network has 2 outputs"), "{error}");
}

#[test]
fn labels_are_learned_with_defaults() {
    let data = labelled();
    let mut net = Chain::<3, 24, 3, 24, 0, true>::new(Seed(1));
    net.train(&data, &TrainConfig { epochs: Some(30), ..short() }).unwrap();
    let metrics = net.evaluate(&data).unwrap();
    assert!(metrics.accuracy.unwrap() > 0.97 && metrics.auc().unwrap() > 0.98, "{metrics}");
    assert_eq!(metrics.warning(), None);
    let circuit = net.circuit().unwrap();
    let crate::data::Targets::Labels(labels) = data.targets() else { unreachable!() };
    let right = data.samples().zip(labels.rows()).filter(|(sample, labels)| {
        let found = circuit.simulate(sample).unwrap().labels(0.5);
        labels.iter().enumerate().all(|(label, holds)| *holds == found.contains(&label))
    });
    assert!(right.count() > 1350);
    let searched = TrainConfig { epochs: Some(30), progress: false, ..TrainConfig::default() };
    let mut net = Chain::<3, 24, 3, 24, 0, true>::new(Seed(1));
    net.train(&data, &searched).unwrap();
    let metrics = net.evaluate(&data).unwrap();
    assert!(metrics.accuracy.unwrap() > 0.95, "{metrics}");
}

/// The second class has 5 % of the points at one place and 40 % at the other, where balanced weights ask for it.
#[test]
fn a_network_with_class_weights_may_be_right_less_often_than_the_largest_class() {
    let features = Array2::from_shape_fn((2000, 2), |(row, _)| f32::from(u8::from(row % 2 == 1)));
    let class = |row: usize| usize::from(row / 2 % 20 < [1, 8][row % 2]);
    let data = Dataset::classes(features, (0..2000).map(class).collect(), 2).unwrap();
    let mut net = Budget::new(Seed(1));
    let config = TrainConfig { class_weights: ClassWeights::Balanced, ..short() };
    assert_eq!(net.train(&data, &config).unwrap().warning, None);
    let metrics = net.evaluate(&data).unwrap();
    assert_eq!(metrics.confusion().unwrap(), [[950, 600], [50, 400]]);
    let warning = metrics.warning().unwrap();
    assert!(warning.starts_with("`0` for all samples would be right more often (77.5 %)"), "{warning}");
}

#[test]
fn numbers_have_no_probabilities() {
    let data = Dataset::values(small().features().to_owned(), Array2::from_elem((800, 2), 3.0)).unwrap();
    let mut net = Budget::new(Seed(1));
    net.train(&data, &short()).unwrap();
    let error = net.predict_proba(Precision::Quantized, data.features()).unwrap_err();
    assert_eq!(error, TrainError::Probabilities);
}

/// Whatever is selected by, the epoch that is given back is the best by it.
#[test]
fn epochs_are_chosen_by_the_figure_of_choice() {
    let (train, held) = small().split(0.4, Seed(1)).unwrap();
    for select_by in [SelectBy::BalancedAccuracy, SelectBy::F1, SelectBy::Auc, SelectBy::Loss] {
        let value = |epochs: usize, restore_best| {
            let mut net = Budget::new(Seed(1));
            let config = TrainConfig {
                epochs: Some(epochs),
                select_by,
                restore_best,
                schedule: Schedule::Constant,
                ramp: 0.0,
                validation: Validation::Set(held.clone()),
                ..short()
            };
            net.train(&train, &config).unwrap();
            let metrics = net.evaluate(&held).unwrap();
            match select_by {
                SelectBy::BalancedAccuracy => metrics.balanced_accuracy().unwrap(),
                SelectBy::F1 => metrics.f1().unwrap(),
                SelectBy::Auc => metrics.auc().unwrap(),
                _ => -metrics.loss,
            }
        };
        let each: Vec<f64> = (1..=5).map(|epochs| value(epochs, false)).collect();
        let best = each.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert!((value(5, true) - best).abs() < 1e-9, "{select_by:?} {each:?}");
    }
}
