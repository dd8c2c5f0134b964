use fheqat::{
    nn::layers::{Dropout, MaxPool2d},
    prelude::*,
};

#[quant_net(bits = 3, max_l1 = 8, input = [1, 8, 8])]
struct Net {
    quant_inp: QuantIdentity,
    conv: QuantConv2d<1, 4, 3>,
    pool: MaxPool2d<2>,
    flatten: Flatten,
    fc: QuantLinear<36, 2>,
    dropout: Dropout,
}

fn main() {}
