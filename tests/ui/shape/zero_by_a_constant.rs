use fheqat::prelude::*;

const HIDDEN: usize = 0;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, HIDDEN>,
    relu1: QuantReLU,
    fc2: QuantLinear<100, 2>,
}

fn main() {}
