//! Networks that cannot run, or not yet.

use fheqat::{
    data,
    nn::{
        Assembled, ConstantsError, NetworkError, Unusable, lower, prune::PruneError, tensors::WeightsError,
    },
    prelude::*,
    quant::activation::Function,
    spec::{Field, Net as Declared, Source},
    train::{PtqConfig, TrainError},
};
use safetensors::SafeTensors;

#[quant_net(bits = 2)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 2>,
    act1: QuantAct<Gelu>,
    fc2: QuantLinear<2, 2>,
}

/// `NetworkError::Law`
#[test]
fn network_error_law() {
    // Shown:
    // Without a layer that quantizes what the others read.
    let fields = &[Field { from: &[Source::Input], ..Net::SPEC.fields[1] }];
    let error = Assembled::new(&Declared { fields, ..Net::SPEC }, &[]).unwrap_err();
    assert!(matches!(error, NetworkError::Law { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .starts_with("`fc1` (`QuantLinear`) reads the network's input, which nothing has quantized\n")
    );

    let gelu = Function::of::<Gelu>();
    Assembled::new(&Net::SPEC, &[None, None, Some(gelu), None]).unwrap();
}

/// `NetworkError::Mismatch`
#[test]
fn network_error_mismatch() {
    // Shown:
    // `act1` is a `QuantAct`, and no function is given.
    let error = Assembled::new(&Net::SPEC, &[]).unwrap_err();
    assert!(matches!(error, NetworkError::Mismatch { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`act1` does not agree with its specification: derive the network with `#[quant_net]`"
    );

    let gelu = Function::of::<Gelu>();
    Assembled::new(&Net::SPEC, &[None, None, Some(gelu), None]).unwrap();
}

/// `NetworkError::NotCalibrated`
#[test]
fn network_error_not_calibrated() {
    #[quant_net(bits = 2)]
    struct Net {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<2, 2>,
    }
    let (train, _) = data::checkerboard(Seed(0));
    let mut net = Net::new(Seed(0));
    // Shown:
    let lower::CircuitError::Network(error) = net.circuit().unwrap_err() else { unreachable!() };
    assert!(matches!(error, NetworkError::NotCalibrated { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`quant_inp` is not calibrated: train the network in quantized precision, or quantize it after training"
    );

    net.quantize(&train, &PtqConfig::default()).unwrap();
    net.circuit().unwrap();
}

/// `Unusable::Number`
#[test]
fn unusable_number() {
    #[quant_net(bits = 2)]
    struct Net {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<2, 2>,
    }
    let (train, _) = data::checkerboard(Seed(0));
    let mut net = Net::new(Seed(0));
    // Shown:
    let tiny = Dataset::classes_from_rows([[1e-45, 0.0], [0.0, 1e-45]], vec![0, 1], 2).unwrap();
    let error = net.quantize(&tiny, &PtqConfig::default()).unwrap_err();
    let TrainError::Unusable(error) = error else { unreachable!() };
    assert!(matches!(error, Unusable::Number { .. }), "{error:?}");
    assert_eq!(error.to_string(), "`fc1` has a unit of its sums of 0, with which it cannot run");

    let config = TrainConfig {
        features: FeatureMap::Standardize,
        epochs: Some(1),
        progress: false,
        ..TrainConfig::declared()
    };
    net.train(&train, &config).unwrap();
}

/// `Unusable::Transforms`
#[test]
fn unusable_transforms() {
    #[quant_net(bits = 3)]
    struct Net {
        #[layer(client)]
        fc0: Linear<2, 6>,
        quant: QuantIdentity,
        fc1: QuantLinear<6, 4>,
        #[layer(from = fc0)]
        bits: Thermometer<2>,
        #[layer(scale_from = bits, from = fc1)]
        relu1: QuantReLU,
        #[layer(from = [bits, relu1])]
        both: Concat,
        fc2: QuantLinear<16, 2>,
    }
    let mut net = Net::new(Seed(0));
    let config = TrainConfig { epochs: Some(1), progress: false, ..TrainConfig::declared() };
    net.train(&data::checkerboard(Seed(0)).0, &config).unwrap();
    let saved = tempfile::NamedTempFile::new().unwrap();
    net.save(saved.path()).unwrap();
    let mut bytes = std::fs::read(saved.path()).unwrap();
    // Shown:
    // The deviations by which `quant` standardises the features are doubled, and those of `bits` stay.
    let place = {
        let file = SafeTensors::deserialize(&bytes).unwrap();
        file.tensor("quant.deviation").unwrap().data().as_ptr().addr() - bytes.as_ptr().addr()
    };
    bytes[place + 3] ^= 1;
    std::fs::write(saved.path(), &bytes).unwrap();
    let WeightsError::Unusable(error) = net.load(saved.path()).unwrap_err() else { unreachable!() };
    assert!(matches!(error, Unusable::Transforms { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`quant` and `bits` are behind `fc0`, and have different transforms of the features it reads"
    );

    net.save(saved.path()).unwrap();
    net.load(saved.path()).unwrap();
}

/// `ConstantsError::Count`
#[test]
fn constants_error_count() {
    #[quant_net(bits = 2)]
    struct Net {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<2, 3>,
        #[layer(value = 1.0)]
        mul: Mul,
        relu1: QuantReLU,
        fc2: QuantLinear<3, 2>,
    }
    let mut net = Net::new(Seed(0));
    // Shown:
    // `mul` has three channels.
    let error = net.mul.set_values(&[0.5, 2.0]).unwrap_err();
    assert!(matches!(error, ConstantsError::Count { .. }), "{error:?}");
    assert_eq!(error.to_string(), "2 constants for 3 channels: give one for all of them, or one for each");

    net.mul.set_values(&[0.5, 2.0, 1.0]).unwrap();
}

/// `ConstantsError::Infinite`
#[test]
fn constants_error_infinite() {
    #[quant_net(bits = 2)]
    struct Net {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<2, 3>,
        #[layer(value = 1.0)]
        mul: Mul,
        relu1: QuantReLU,
        fc2: QuantLinear<3, 2>,
    }
    let mut net = Net::new(Seed(0));
    // Shown:
    let error = net.mul.set_values(&[1.0 / 0.0]).unwrap_err();
    assert!(matches!(error, ConstantsError::Infinite { .. }), "{error:?}");
    assert_eq!(error.to_string(), "the constant of channel 0 is inf: give a finite number");

    net.mul.set_values(&[4.0]).unwrap();
}

/// `PruneError::Nothing`
#[test]
fn prune_error_nothing() {
    #[quant_net(bits = 2)]
    struct Net {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<2, 2>,
    }
    let mut net = Net::new(Seed(0));
    // Shown:
    let error = net.prune(0).unwrap_err();
    assert!(matches!(error, PruneError::Nothing), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`max_nonzero` is 0, which leaves no weight: keep at least 1 for each output"
    );

    net.prune(1).unwrap();
}

/// `lower::CircuitError::Network`
#[test]
fn lower_circuit_error_network() {
    #[quant_net(bits = 2)]
    struct Net {
        quant_inp: QuantIdentity,
        fc1: QuantLinear<2, 2>,
    }
    let (train, _) = data::checkerboard(Seed(0));
    let mut net = Net::new(Seed(0));
    // Shown:
    let error = net.circuit().unwrap_err();
    assert!(matches!(error, lower::CircuitError::Network { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`quant_inp` is not calibrated: train the network in quantized precision, or quantize it after training"
    );

    net.quantize(&train, &PtqConfig::default()).unwrap();
    net.circuit().unwrap();
}
