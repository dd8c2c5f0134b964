//! Networks of images and signals, and data for them.

use fheqat::{data::Dataset, prelude::*, train::Validation};
use ndarray::Array2;

#[quant_net(bits = 3, max_l1 = 12, input = [1, 8, 8])]
pub(crate) struct Digits {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    #[layer(stride = 2, padding = 1)]
    pub(crate) conv1: QuantConv2d<1, 4, 3>,
    relu1: QuantReLU,
    #[layer(padding = 1, groups = 2, max_l1 = 20)]
    pub(crate) conv2: QuantConv2d<4, 6, 3>,
    relu2: QuantReLU,
    pool: AvgPool2d<2>,
    #[layer(signed = false)]
    quant_pool: QuantIdentity,
    flatten: Flatten,
    fc: QuantLinear<24, 3>,
}

#[quant_net(bits = 3, max_nonzero = 10, input = [2, 12])]
pub(crate) struct Signal {
    quant_inp: QuantIdentity,
    #[layer(stride = 2, padding = 2)]
    pub(crate) conv1: QuantConv1d<2, 4, 5>,
    relu1: QuantReLU,
    #[layer(bias = free)]
    pub(crate) conv2: QuantConv1d<4, 3, 3>,
    relu2: QuantReLU,
    flatten: Flatten,
    fc: QuantLinear<12, 3>,
}

/// The last layer pools, so that its sums are the output.
#[quant_net(bits = 4, input = [2, 5, 4])]
pub(crate) struct Pooled {
    quant_inp: QuantIdentity,
    #[layer(groups = 2)]
    conv: QuantConv2d<2, 4, 2>,
    relu: QuantReLU,
    #[layer(stride = 1, padding = 1)]
    pool: AvgPool2d<3>,
    #[layer(signed = false, bits = 5)]
    quant_pool: QuantIdentity,
    mix: QuantConv2d<4, 3, 1>,
    relu_mix: QuantReLU,
    global: GlobalAvgPool2d,
}

/// Samples of `width` numbers in three classes: a third of each sample is brighter.
pub(crate) fn samples(count: u16, width: u16) -> Dataset {
    let mut state = 12_345u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from((state >> 16) as u16) / 65_536.0
    };
    let labels: Vec<usize> = (0..count).map(|sample| usize::from(sample % 3)).collect();
    let features = Array2::from_shape_simple_fn((count.into(), width.into()), &mut random);
    let bright = |(row, column): (usize, usize)| column * 3 / usize::from(width) == labels[row];
    let features =
        Array2::from_shape_fn(features.dim(), |at| features[at] + f32::from(u8::from(bright(at))) * 0.5);
    Dataset::classes(features, labels, 3).expect("labels are below 3")
}

pub(crate) fn config() -> TrainConfig {
    TrainConfig {
        epochs: Some(15),
        batch: 32,
        rate: 0.03,
        validation: Validation::None,
        progress: false,
        ..TrainConfig::declared()
    }
}
