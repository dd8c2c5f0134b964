//! `Pad`, sides of a padding, `padding = same`, `dilation` and groups of one channel, from the macro to the encrypted result.
#![allow(clippy::unwrap_used)]

use fheqat::{data::Dataset, prelude::*};
use ndarray::Array2;

use self::exact::check_bits;

mod exact;

/// An image that is padded on two sides, filters that keep its length over their stride, and filters with gaps for one channel each.
#[quant_net(bits = 2, max_l1 = 6, input = [1, 5, 4])]
struct Image {
    quant_inp: QuantIdentity,
    #[layer(padding = (1, 0, 0, 2))]
    pad: Pad, // [1, 6, 6]
    #[layer(padding = same, stride = 2)]
    conv1: QuantConv2d<1, 2, 3>, // [2, 3, 3]
    relu1: QuantReLU,
    #[layer(padding = (2, 2, 1, 2), dilation = 2, groups = 2, bias = free)]
    conv2: QuantConv2d<2, 2, 2>, // [2, 5, 4]
    quant2: QuantIdentity,
    #[layer(padding = same, stride = 2)]
    pool: MaxPool2d<3>, // [2, 3, 2]
    flatten: Flatten,
    fc: QuantLinear<12, 2>,
}

#[quant_net(bits = 3, max_l1 = 6, input = [2, 6])]
struct Sequence {
    quant_inp: QuantIdentity,
    #[layer(padding = 1)]
    pad: Pad, // [2, 8]
    #[layer(padding = (3, 0), dilation = 3)]
    conv: QuantConv1d<2, 2, 2>, // [2, 8]
    relu: QuantReLU,
    #[layer(padding = (0, 1))]
    pad_out: Pad, // [2, 9]
}

fn samples(features: usize) -> Dataset {
    let features = Array2::from_shape_fn((240, features), |(sample, feature)| {
        ((sample * 37 + feature * feature * 11) % 29) as f32 / 29.0 + 0.3 * (sample % 2) as f32 - 0.6
    });
    Dataset::classes(features, (0..240).map(|sample| sample % 2).collect(), 2).unwrap()
}

fn image() -> Image {
    let mut net = Image::new(Seed(1));
    let config = TrainConfig { epochs: Some(10), progress: false, ..TrainConfig::declared() };
    net.train(&samples(20), &config).unwrap();
    net
}

fn sequence() -> Sequence {
    let mut net = Sequence::new(Seed(1));
    let values = samples(12).features().to_owned();
    let data = Dataset::values(values, Array2::zeros((240, 18))).unwrap();
    net.quantize(&data, &fheqat::train::PtqConfig::default()).unwrap();
    net
}

#[test]
fn evaluation_is_simulation() {
    check_bits(&image(), &samples(20));
    let circuit = check_bits(&sequence(), &samples(12));
    for sample in samples(12).samples().take(5) {
        let sums = circuit.simulate(&sample).unwrap().accumulators;
        assert_eq!((sums.len(), sums[8], sums[17]), (18, 0, 0), "the last number of each channel is padding");
    }
}

/// `torch.nn.functional.pad`, and its formula of positions.
#[test]
fn positions_are_those_of_pytorch() {
    let verdicts: [_; 9] = fheqat::spec::judge_all(&Image::SPEC);
    let shape = |index: usize| {
        let fheqat::spec::Known::Now(shape) = verdicts[index].fact.shape else { panic!("it is known") };
        shape.dims().iter().map(|dim| dim.or(0)).collect::<Vec<_>>()
    };
    assert_eq!([shape(1), shape(2), shape(4), shape(6)], [[1, 6, 6], [2, 3, 3], [2, 5, 4], [2, 3, 2]]);
}

#[test]
fn another_padding_or_dilation_is_refused() {
    #[quant_net(bits = 3, max_l1 = 6, input = [2, 6])]
    struct Dilated {
        quant_inp: QuantIdentity,
        #[layer(padding = same, dilation = 2)]
        conv: QuantConv1d<2, 2, 2>,
    }
    #[quant_net(bits = 3, max_l1 = 6, input = [2, 6])]
    struct Plain {
        quant_inp: QuantIdentity,
        #[layer(padding = 1)]
        conv: QuantConv1d<2, 2, 2>,
    }
    #[quant_net(bits = 3, max_l1 = 6, input = [2, 6])]
    struct Same {
        quant_inp: QuantIdentity,
        #[layer(padding = (1, 1), dilation = 2)]
        conv: QuantConv1d<2, 2, 2>,
    }
    let folder = tempfile::tempdir().unwrap();
    let [dilated, plain] = ["dilated", "plain"].map(|name| folder.path().join(name));
    Dilated::new(Seed(0)).save(&dilated).unwrap();
    Plain::new(Seed(0)).save(&plain).unwrap();
    Same::new(Seed(1)).load(&dilated).unwrap();
    let message = Plain::new(Seed(0)).load(&dilated).unwrap_err().to_string();
    assert!(message.contains("`dilation`"), "{message}");
    let message = Dilated::new(Seed(0)).load(&plain).unwrap_err().to_string();
    assert!(message.contains("`dilation`"), "{message}");
}

#[cfg(feature = "fhe")]
#[test]
fn encrypted_is_simulated() {
    fn check(net: &impl Network, data: &Dataset) {
        let circuit = net.circuit().unwrap();
        let compiled = circuit.compile(&CompileOptions::default()).unwrap();
        let (client, server) = compiled.keygen().unwrap();
        for sample in data.samples().take(3) {
            let encrypted = client.encrypt(&sample).unwrap();
            let result = client.decrypt(&server.run(&encrypted).unwrap()).unwrap();
            assert_eq!(result, circuit.simulate(&sample).unwrap());
        }
    }
    check(&image(), &samples(20));
    check(&sequence(), &samples(12));
}
