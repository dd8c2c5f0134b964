use fheqat::prelude::*;

#[quant_net(bits = { 2 + 2 }, acc_bits = { 8 * 2 })]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<4, { 28 * 28 }>,
    relu1: QuantReLU,
    fc2: QuantLinear<{ 28 * 28 }, 2>,
}

fn main() {}
