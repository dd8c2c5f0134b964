use fheqat::prelude::*;

const NONE: i64 = 0;

#[quant_net(bits = 3)]
struct Net {
    #[layer(bits = 0)]
    quant_inp: QuantIdentity,
    #[layer(weight_bits = 9)]
    fc1: QuantLinear<2, 3>,
    #[layer(bits = NONE)]
    relu1: QuantReLU,
    fc2: QuantLinear<3, 2>,
}

fn main() {}
