//! Training that cannot start, or goes wrong.

use fheqat::{
    data,
    prelude::*,
    train::{Loss, Optimizer, PtqConfig, TrainControl, TrainError, Validation},
};

#[quant_net(bits = 2)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 2>,
}

#[quant_net(bits = 2)]
struct Wider {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 3>,
}

/// `TrainError::Network`
#[test]
fn train_error_network() {
    let (train, test) = data::checkerboard(Seed(0));
    let mut net = Net::new(Seed(0));
    // Shown:
    let error = net.evaluate(&test).unwrap_err();
    assert!(matches!(error, TrainError::Network { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`quant_inp` is not calibrated: train the network in quantized precision, or quantize it after training"
    );

    net.quantize(&train, &PtqConfig::default()).unwrap();
    net.evaluate(&test).unwrap();
}

/// `TrainError::Circuit`
#[test]
fn train_error_circuit() {
    let (train, test) = data::checkerboard(Seed(0));
    let mut net = Net::new(Seed(0));
    // Shown:
    let error = net.evaluate_noisy(&test, Seed(0)).unwrap_err();
    assert!(matches!(error, TrainError::Circuit { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`quant_inp` is not calibrated: train the network in quantized precision, or quantize it after training"
    );

    net.quantize(&train, &PtqConfig::default()).unwrap();
    net.evaluate_noisy(&test, Seed(0)).unwrap();
}

/// `TrainError::Input`
#[test]
fn train_error_input() {
    let (train, _) = data::checkerboard(Seed(0));
    let mut net = Net::new(Seed(0));
    // Shown:
    let wide = Dataset::classes_from_rows([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], vec![0, 1], 2).unwrap();
    let error = net.quantize(&wide, &PtqConfig::default()).unwrap_err();
    assert!(matches!(error, TrainError::Input { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "samples have 3 features, but the network takes 2: give one number for each input of its first layer"
    );

    net.quantize(&train, &PtqConfig::default()).unwrap();
}

/// `TrainError::Data`
#[test]
fn train_error_data() {
    let (train, _) = data::checkerboard(Seed(0));
    let mut net = Net::new(Seed(0));
    // Shown:
    let config = TrainConfig {
        validation: Validation::Fraction(1.0),
        epochs: Some(1),
        progress: false,
        ..TrainConfig::declared()
    };
    let error = net.train(&train, &config).unwrap_err();
    assert!(matches!(error, TrainError::Data { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "a fraction of 1 splits 9500 samples into 0 and 9500: give a fraction that leaves samples on both sides"
    );

    let config = TrainConfig {
        validation: Validation::Fraction(0.2),
        epochs: Some(1),
        progress: false,
        ..TrainConfig::declared()
    };
    net.train(&train, &config).unwrap();
}

/// `TrainError::Option`
#[test]
fn train_error_option() {
    let (train, _) = data::checkerboard(Seed(0));
    let mut net = Net::new(Seed(0));
    // Shown:
    let config = TrainConfig { smoothing: 2.0, epochs: Some(1), progress: false, ..TrainConfig::declared() };
    let error = net.train(&train, &config).unwrap_err();
    assert!(matches!(error, TrainError::Option { .. }), "{error:?}");
    assert_eq!(error.to_string(), "`smoothing` is 2, but must be in 0..=1");

    let config = TrainConfig { smoothing: 0.1, epochs: Some(1), progress: false, ..TrainConfig::declared() };
    net.train(&train, &config).unwrap();
}

/// `TrainError::Outputs`
#[test]
fn train_error_outputs() {
    let mut net = Net::new(Seed(0));
    // Shown:
    let three = Dataset::classes_from_rows([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], vec![0, 1, 2], 3).unwrap();
    let error = net.train(&three, &TrainConfig::declared()).unwrap_err();
    assert!(matches!(error, TrainError::Outputs { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the data has 3 classes or values, but the network gives 2 outputs: make its last layer as wide as the targets"
    );

    let config = TrainConfig { epochs: Some(1), progress: false, ..TrainConfig::declared() };
    Wider::new(Seed(0)).train(&three, &config).unwrap();
}

/// `TrainError::Loss`
#[test]
fn train_error_loss() {
    let (train, _) = data::checkerboard(Seed(0));
    let mut net = Net::new(Seed(0));
    // Shown:
    let config =
        TrainConfig { loss: Loss::Logistic, epochs: Some(1), progress: false, ..TrainConfig::declared() };
    let error = net.train(&train, &config).unwrap_err();
    assert!(matches!(error, TrainError::Loss { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`Loss::Logistic` is not for targets that are classes: use `Loss::Auto`, which follows the targets"
    );

    let config =
        TrainConfig { loss: Loss::Auto, epochs: Some(1), progress: false, ..TrainConfig::declared() };
    net.train(&train, &config).unwrap();
}

/// `TrainError::NoClasses`
#[test]
fn train_error_no_classes() {
    #[quant_net(bits = 2)]
    struct Net {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<2, 1>,
    }
    let train =
        Dataset::values_from_rows([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]], [[1.0], [2.0], [4.0]]).unwrap();
    let mut net = Net::new(Seed(0));
    // Shown:
    let config = TrainConfig {
        class_weights: ClassWeights::Balanced,
        epochs: Some(1),
        progress: false,
        ..TrainConfig::declared()
    };
    let error = net.train(&train, &config).unwrap_err();
    assert!(matches!(error, TrainError::NoClasses { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`class_weights` is for classes, but the targets are numbers: leave it out"
    );

    let config = TrainConfig { epochs: Some(1), progress: false, ..TrainConfig::declared() };
    net.train(&train, &config).unwrap();
}

/// `TrainError::SelectBy`
#[test]
fn train_error_select_by() {
    let (train, _) = data::checkerboard(Seed(0));
    let mut net = Net::new(Seed(0));
    // Shown:
    let config =
        TrainConfig { select_by: SelectBy::R2, epochs: Some(1), progress: false, ..TrainConfig::declared() };
    let error = net.train(&train, &config).unwrap_err();
    assert!(matches!(error, TrainError::SelectBy { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`select_by: SelectBy::R2` is not for targets that are classes: use `SelectBy::Auto`, which follows the targets"
    );

    let config = TrainConfig {
        select_by: SelectBy::Auto,
        epochs: Some(1),
        progress: false,
        ..TrainConfig::declared()
    };
    net.train(&train, &config).unwrap();
}

/// `TrainError::Names`
#[test]
fn train_error_names() {
    let (_, test) = data::checkerboard(Seed(0));
    let mut net = Net::new(Seed(0));
    let config = TrainConfig { epochs: Some(1), progress: false, ..TrainConfig::declared() };
    // Shown:
    let named = |names: [&str; 2]| test.clone().with_class_names(names.map(str::to_owned).to_vec()).unwrap();
    net.train(&named(["dark", "light"]), &config).unwrap();
    let error = net.evaluate(&named(["light", "dark"])).unwrap_err();
    assert!(matches!(error, TrainError::Names { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "class 0 of the data is `light`, but the network was trained with `dark` there: give the data the same names in the same order (`CsvOptions::classes`)"
    );

    net.evaluate(&named(["dark", "light"])).unwrap();
}

/// `TrainError::Probabilities`
#[test]
fn train_error_probabilities() {
    #[quant_net(bits = 2)]
    struct Net {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<2, 1>,
    }
    let train =
        Dataset::values_from_rows([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]], [[1.0], [2.0], [4.0]]).unwrap();
    let mut net = Net::new(Seed(0));
    let config = TrainConfig { epochs: Some(1), progress: false, ..TrainConfig::declared() };
    // Shown:
    net.train(&train, &config).unwrap();
    let error = net.predict_proba(Precision::Quantized, train.features()).unwrap_err();
    assert!(matches!(error, TrainError::Probabilities), "{error:?}");
    assert_eq!(error.to_string(), "the network predicts numbers, which have no probabilities: use `predict`");

    net.predict(Precision::Quantized, train.features()).unwrap();
}

/// `TrainError::ClassWeights`
#[test]
fn train_error_class_weights() {
    let (train, _) = data::checkerboard(Seed(0));
    let mut net = Net::new(Seed(0));
    // Shown:
    let config = TrainConfig {
        class_weights: ClassWeights::Given(vec![1.0]),
        epochs: Some(1),
        progress: false,
        ..TrainConfig::declared()
    };
    let error = net.train(&train, &config).unwrap_err();
    assert!(matches!(error, TrainError::ClassWeights { .. }), "{error:?}");
    assert_eq!(error.to_string(), "`class_weights` gives 1 weights for 2 classes: give one for each");

    let config = TrainConfig {
        class_weights: ClassWeights::Given(vec![1.0, 4.0]),
        epochs: Some(1),
        progress: false,
        ..TrainConfig::declared()
    };
    net.train(&train, &config).unwrap();
}

/// `TrainError::Target`
#[test]
fn train_error_target() {
    #[quant_net(bits = 2)]
    struct Net {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<2, 1>,
    }
    let mut net = Net::new(Seed(0));
    let config = TrainConfig { epochs: Some(1), progress: false, ..TrainConfig::declared() };
    // Shown:
    let far = Dataset::values_from_rows([[1.0, 2.0], [3.0, 4.0]], [[2e30], [3e30]]).unwrap();
    let error = net.train(&far, &config).unwrap_err();
    assert!(matches!(error, TrainError::Target { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "row 0 of the targets has 2000000000000000000000000000000 for output 0, but a number to predict must be in -1e30..=1e30: give the targets in a larger unit"
    );

    let near = Dataset::values_from_rows([[1.0, 2.0], [3.0, 4.0]], [[2.0], [3.0]]).unwrap();
    net.train(&near, &config).unwrap();
}

/// `TrainError::Neurons`
#[test]
fn train_error_neurons() {
    #[quant_net(bits = 2)]
    struct Net {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<2, 6>,
        relu1: QuantReLU,
        fc2: QuantLinear<6, 2>,
    }
    let train = data::checkerboard(Seed(0)).0.select(&(0..200).collect::<Vec<_>>()).unwrap();
    let mut net = Net::new(Seed(0));
    // Shown:
    let search = |field: &str| {
        let max_neurons = [(field.to_owned(), 4)].into();
        Some(CostSearch { max_neurons, max_seconds: 2.0, ..CostSearch::default() })
    };
    let config =
        TrainConfig { search: search("fc2"), epochs: Some(1), progress: false, ..TrainConfig::default() };
    let error = net.train(&train, &config).unwrap_err();
    assert!(matches!(error, TrainError::Neurons { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`max_neurons` names `fc2`, which is no layer whose neurons are bootstrapped: name a layer with weights that a quantizer reads"
    );

    let config =
        TrainConfig { search: search("fc1"), epochs: Some(1), progress: false, ..TrainConfig::default() };
    net.train(&train, &config).unwrap();
}

/// `TrainError::Batch`
#[test]
fn train_error_batch() {
    #[quant_net(bits = 2)]
    struct Net {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<2, 4>,
        norm1: BatchNorm,
        relu1: QuantReLU,
        fc2: QuantLinear<4, 2>,
    }
    let (train, _) = data::checkerboard(Seed(0));
    let mut net = Net::new(Seed(0));
    // Shown:
    let config = TrainConfig { batch: 1, epochs: Some(1), progress: false, ..TrainConfig::declared() };
    let error = net.train(&train, &config).unwrap_err();
    assert!(matches!(error, TrainError::Batch { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`norm1` normalises by the variance of a batch, and one sample has none: give a `batch` of at least 2, and as many samples"
    );

    let config = TrainConfig { batch: 64, epochs: Some(1), progress: false, ..TrainConfig::declared() };
    net.train(&train, &config).unwrap();
}

/// `TrainError::Cancelled`
#[test]
fn train_error_cancelled() {
    let (train, _) = data::checkerboard(Seed(0));
    let mut net = Net::new(Seed(0));
    // Shown:
    let control = TrainControl::new();
    control.cancel(); // another thread has a clone
    let config =
        TrainConfig { control: Some(control), epochs: Some(1), progress: false, ..TrainConfig::declared() };
    let error = net.train(&train, &config).unwrap_err();
    assert!(matches!(error, TrainError::Cancelled), "{error:?}");
    assert_eq!(error.to_string(), "the training was cancelled: the network is as it was before");

    let config = TrainConfig {
        control: Some(TrainControl::new()),
        epochs: Some(1),
        progress: false,
        ..TrainConfig::declared()
    };
    net.train(&train, &config).unwrap();
}

/// `TrainError::OutOfTime`
#[test]
fn train_error_out_of_time() {
    let (train, _) = data::checkerboard(Seed(0));
    let mut net = Net::new(Seed(0));
    // Shown:
    let search = Some(CostSearch { max_seconds: 1e-9, ..CostSearch::default() });
    let config = TrainConfig { search, epochs: Some(1), progress: false, ..TrainConfig::default() };
    let error = net.train(&train, &config).unwrap_err();
    assert!(matches!(error, TrainError::OutOfTime { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`max_seconds` is 0.000000001, which was over before any network was trained for an epoch: give the search more time or fewer samples, or train what is declared with `TrainConfig::declared()`"
    );

    let config = TrainConfig { epochs: Some(1), progress: false, ..TrainConfig::declared() };
    net.train(&train, &config).unwrap();
}

/// `TrainError::Unusable`
#[test]
fn train_error_unusable() {
    let (train, _) = data::checkerboard(Seed(0));
    let mut net = Net::new(Seed(0));
    // Shown:
    let tiny = Dataset::classes_from_rows([[1e-45, 0.0], [0.0, 1e-45]], vec![0, 1], 2).unwrap();
    let error = net.quantize(&tiny, &PtqConfig::default()).unwrap_err();
    assert!(matches!(error, TrainError::Unusable { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`fc1` has a unit of its sums of 0, with which it cannot run: lower the `rate`, or let training standardise the features with `features: FeatureMap::Standardize`, which brings large and small ones near 1"
    );

    let config = TrainConfig {
        features: FeatureMap::Standardize,
        epochs: Some(1),
        progress: false,
        ..TrainConfig::declared()
    };
    net.train(&train, &config).unwrap();
}

/// `TrainError::Diverged`
#[test]
fn train_error_diverged() {
    #[quant_net(bits = 2)]
    struct Net {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<2, 1>,
    }
    let train =
        Dataset::values_from_rows([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]], [[1.0], [2.0], [4.0]]).unwrap();
    let mut net = Net::new(Seed(0));
    // Shown:
    let optimizer = Optimizer::Sgd { momentum: 0.9 };
    let config = TrainConfig { optimizer, rate: 1000.0, progress: false, ..TrainConfig::float() };
    let error = net.train(&train, &config).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the loss diverged in epoch 7: lower the `rate`, now 1000, or let training standardise the features with `features: FeatureMap::Standardize`"
    );

    let config = TrainConfig { optimizer, rate: 0.01, progress: false, ..TrainConfig::float() };
    net.train(&train, &config).unwrap();
}
