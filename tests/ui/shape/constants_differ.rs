use fheqat::prelude::*;

const HIDDEN: usize = 100;
const READ: usize = 64;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, HIDDEN>,
    relu1: QuantReLU,
    fc2: QuantLinear<READ, { 1 + 1 }>,
}

fn main() {}
