use fheqat::prelude::*;

const BITS: u32 = 12;

#[quant_net(bits = BITS)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 100>,
    relu1: QuantReLU,
    fc2: QuantLinear<100, 2>,
}

fn main() {}
