use fheqat::{nn::layers::MaxPool2d, prelude::*};

#[quant_net(bits = 3, max_l1 = 8, input = [1, 8, 8], max_bootstraps = 200)]
struct Net {
    quant_inp: QuantIdentity,
    conv: QuantConv2d<1, 4, 3>,
    relu: QuantReLU,
    pool: MaxPool2d<2>,
    flatten: Flatten,
    fc: QuantLinear<36, 2>,
}

#[quant_net(bits = 3, input = [1, 8, 8], max_bootstraps = 40)]
struct Alone {
    quant_inp: QuantIdentity,
    pool: MaxPool2d<2>,
}

fn main() {}
