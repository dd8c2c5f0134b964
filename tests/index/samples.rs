//! Samples that no network can take.

use fheqat::{
    data::{
        self,
        csv::{self, CsvOptions},
    },
    error::InputError,
    ndarray::{Array2, array},
    prelude::*,
    train::{PtqConfig, TrainError},
};

#[quant_net(bits = 2)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 2>,
}

/// `InputError::Width`
#[test]
fn input_error_width() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap(); // of two features
    // Shown:
    let error = circuit.simulate(&[0.5]).unwrap_err();
    assert!(matches!(error, InputError::Width { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "samples have 1 features, but the network takes 2: give one number for each input of its first layer"
    );

    circuit.simulate(&[0.5, 0.25]).unwrap();
}

/// `InputError::NotFinite`
#[test]
fn input_error_not_finite() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap(); // of two features
    // Shown:
    let error = circuit.simulate(&[0.5, f32::INFINITY]).unwrap_err();
    assert!(matches!(error, InputError::NotFinite { .. }), "{error:?}");
    assert_eq!(error.to_string(), "feature 1 of the sample is inf: give a finite number");

    circuit.simulate(&[0.5, 1e30]).unwrap();
}

/// `InputError::Missing`
#[test]
fn input_error_missing() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap(); // of two features
    // Shown:
    let error = circuit.simulate(&[0.5, f32::NAN]).unwrap_err();
    assert!(matches!(error, InputError::Missing { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "feature 1 of the sample is missing (NaN), which no `QuantIdentity` and no whitening can read: fill it in, or read the input by a `Thermometer<K>`, which has bits for missing values, without whitening"
    );

    circuit.simulate(&[0.5, 0.0]).unwrap();
}

/// `InputError::Category`
#[test]
fn input_error_category() {
    #[quant_net(bits = 2)]
    struct Net {
        bits: Thermometer<3>,
        fc1: QuantLinear<6, 2>,
    }
    let text = "x,colour,class\n1,red,a\n2,green,b\n3,red,b\n";
    let data = csv::parse(text.as_bytes(), "a.csv", &CsvOptions::default()).unwrap();
    let mut net = Net::new(Seed(0));
    net.quantize(&data, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    // Shown:
    // The second feature is `colour`: 0 is `green`, and 1 is `red`.
    let error = circuit.simulate(&[1.0, 0.5]).unwrap_err();
    assert!(matches!(error, InputError::Category { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "feature 1 of the sample (`colour`) is 0.5, but it is a category: give its index among the names that training had, or any larger number for another"
    );

    circuit.simulate(&[1.0, 1.0]).unwrap();
}

/// `InputError::Text`
#[test]
fn input_error_text() {
    #[quant_net(bits = 2)]
    struct Net {
        bits: Thermometer<3>,
        fc1: QuantLinear<6, 2>,
    }
    let text = "x,colour,class\n1,red,a\n2,green,b\n3,red,b\n";
    let data = csv::parse(text.as_bytes(), "a.csv", &CsvOptions::default()).unwrap();
    let mut net = Net::new(Seed(0));
    net.quantize(&data, &PtqConfig::default()).unwrap();
    let circuit = net.circuit().unwrap();
    // Shown:
    let error = circuit.codec.parse(&["1,5", "red"]).unwrap_err();
    assert!(matches!(error, InputError::Text { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "feature 0 of the sample (`x`) is `1,5`, which is no number: give one, with a point before its fraction, or leave the cell empty where the value is missing"
    );

    circuit.codec.parse(&["1.5", "red"]).unwrap();
}

/// `InputError::Sample`
#[test]
fn input_error_sample() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    // Shown:
    let error = net.predict(Precision::Quantized, array![[0.5, 0.5], [0.5, f32::NAN]].view()).unwrap_err();
    let TrainError::Input(error) = error else { unreachable!() };
    assert!(matches!(error, InputError::Sample { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "sample 1: feature 1 of the sample is missing (NaN), which no `QuantIdentity` and no whitening can read: fill it in, or read the input by a `Thermometer<K>`, which has bits for missing values, without whitening"
    );

    net.predict(Precision::Quantized, array![[0.5, 0.5], [0.5, 0.0]].view()).unwrap();
}

/// `InputError::Empty`
#[test]
fn input_error_empty() {
    let mut net = Net::new(Seed(0));
    net.quantize(&data::checkerboard(Seed(0)).0, &PtqConfig::default()).unwrap();
    // Shown:
    let error = net.predict(Precision::Quantized, Array2::zeros((0, 2)).view()).unwrap_err();
    let TrainError::Input(error) = error else { unreachable!() };
    assert!(matches!(error, InputError::Empty), "{error:?}");
    assert_eq!(error.to_string(), "there are no samples: give at least one");

    net.predict(Precision::Quantized, Array2::zeros((1, 2)).view()).unwrap();
}
