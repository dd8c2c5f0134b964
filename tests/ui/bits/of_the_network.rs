use fheqat::prelude::*;

#[quant_net(bits = 12)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 100>,
    relu1: QuantReLU,
    fc2: QuantLinear<100, 2>,
}

fn main() {}
