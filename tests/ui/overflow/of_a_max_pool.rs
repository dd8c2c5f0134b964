use fheqat::{nn::layers::MaxPool2d, prelude::*};

const BITS: usize = 2;

#[quant_net(bits = 3, input = [1, 4, 4])]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(acc_bits = 3)]
    pool: MaxPool2d<2>,
}

#[quant_net(bits = 3, input = [1, 4, 4])]
struct ByAConstant {
    quant_inp: QuantIdentity,
    #[layer(acc_bits = BITS)]
    pool: MaxPool2d<2>,
}

#[quant_net(bits = 3, input = [1, 4, 4])]
struct One {
    quant_inp: QuantIdentity,
    #[layer(acc_bits = 2)]
    pool: MaxPool2d<1>,
}

fn main() {}
