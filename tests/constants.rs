//! `Mul` and `ConstantAdd` from the macro to the encrypted result.
#![allow(clippy::unwrap_used)]

use fheqat::{
    data::Dataset,
    prelude::*,
    spec::{Bias, Layer},
};
use ndarray::Array2;

use self::exact::check_bits;

mod exact;

/// Constants of levels, of sums, behind and in front of a batch normalisation, one after the other, and as the output.
#[quant_net(bits = 3, max_l1 = 7)]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(value = -0.25)]
    offset: ConstantAdd,
    quant: QuantIdentity,
    fc1: QuantLinear<3, 4>,
    #[layer(value = 0.5)]
    factor1: Mul,
    offset1: ConstantAdd,
    relu1: QuantReLU,
    fc2: QuantLinear<4, 4>,
    norm2: BatchNorm,
    factor2: Mul,
    act2: QuantAct<SiLU>,
    fc3: QuantLinear<4, 4>,
    factor3: Mul,
    norm3: BatchNorm,
    relu3: QuantReLU,
    fc4: QuantLinear<4, 2>,
    factor4: Mul,
    offset4: ConstantAdd,
}

fn samples() -> Dataset {
    let features =
        Array2::from_shape_fn((120, 3), |(sample, feature)| ((sample * 7 + feature * 5) % 23) as f32 - 11.0);
    let targets = Array2::from_shape_fn((120, 2), |(sample, output)| {
        ((sample * 7 + output * 5) % 23) as f32 / 11.0 - 0.5
    });
    Dataset::values(features, targets).unwrap()
}

fn fresh() -> Net {
    let mut net = Net::new(Seed(1));
    net.offset1.set_values(&[-0.3, -0.05, 0.2, 0.45]).unwrap();
    net.factor2.set_values(&[1.0, -0.5, 0.0, 2.0]).unwrap();
    net.factor4.set_values(&[0.5, -3.0]).unwrap();
    net.offset4.set_values(&[0.125]).unwrap();
    net
}

fn trained() -> Net {
    let mut net = fresh();
    let config = TrainConfig { epochs: Some(8), progress: false, ..TrainConfig::declared() };
    net.train(&samples(), &config).unwrap();
    net
}

#[test]
fn evaluation_is_simulation() {
    let net = trained();
    check_bits(&net, &samples());
}

#[test]
fn constants_do_not_train_and_are_saved() {
    let (net, fresh) = (trained(), fresh());
    assert_eq!(net.factor1.values().to_vec(), [0.5; 4]);
    assert_eq!(net.offset1.values(), fresh.offset1.values());
    assert_eq!(net.factor4.values(), fresh.factor4.values());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights");
    net.save(&path).unwrap();
    let mut again = Net::new(Seed(2));
    again.load(&path).unwrap();
    assert_eq!(again.factor2.values(), net.factor2.values());
    assert_eq!(again.circuit().unwrap(), net.circuit().unwrap());
}

/// In float the layer is what its name says, of every channel.
#[test]
fn float_values_are_those_of_the_formula() {
    #[quant_net(bits = 3)]
    struct Line {
        quant_inp: QuantIdentity,
        fc: QuantLinear<3, 2>,
        factor: Mul,
        offset: ConstantAdd,
    }
    #[quant_net(bits = 3)]
    struct Bare {
        quant_inp: QuantIdentity,
        fc: QuantLinear<3, 2>,
    }
    let mut net = Line::new(Seed(3));
    net.factor.set_values(&[2.0, -0.5]).unwrap();
    net.offset.set_values(&[1.0, 3.0]).unwrap();
    let bare = Bare::new(Seed(3));
    let data = samples();
    let found = net.predict(Precision::Float, data.features()).unwrap();
    let plain = bare.predict(Precision::Float, data.features()).unwrap();
    for (found, plain) in found.rows().into_iter().zip(plain.rows()) {
        assert!((found[0] - (plain[0] * 2.0 + 1.0)).abs() < 1e-4, "{found} {plain}");
        assert!((found[1] - (plain[1] * -0.5 + 3.0)).abs() < 1e-4, "{found} {plain}");
    }
}

/// They count from zero, so that a bias held at the middle of the levels behind would swallow them.
#[test]
fn the_bias_in_front_of_constants_is_free() {
    let fields = Net::SPEC.fields;
    let bias = |index: usize| match fields[index].layer {
        Layer::Linear(linear) => linear.bias,
        other => panic!("{other:?} has no bias"),
    };
    assert_eq!([bias(3), bias(7), bias(11), bias(15)], [Bias::Free, Bias::None, Bias::Free, Bias::Free]);
}

#[test]
fn constants_that_cannot_be_are_refused() {
    let mut net = fresh();
    let message = |values: &[f32], net: &mut Net| net.offset1.set_values(values).unwrap_err().to_string();
    let found = message(&[1.0, 2.0], &mut net);
    assert_eq!(found, "2 constants for 4 channels: give one for all of them, or one for each");
    let found = message(&[0.0, 0.0, f32::NAN, 0.0], &mut net);
    assert_eq!(found, "the constant of channel 2 is NaN: give a finite number");
    assert_eq!(net.offset1.values(), fresh().offset1.values());
}

#[cfg(feature = "fhe")]
#[test]
fn encrypted_is_simulated() {
    let net = trained();
    let circuit = net.circuit().unwrap();
    let compiled = circuit.compile(&CompileOptions::default()).unwrap();
    let (client, server) = compiled.keygen().unwrap();
    for sample in samples().samples().take(3) {
        let encrypted = client.encrypt(&sample).unwrap();
        let result = client.decrypt(&server.run(&encrypted).unwrap()).unwrap();
        assert_eq!(result, circuit.simulate(&sample).unwrap());
    }
}
