use fheqat::prelude::*;

#[quant_net(bits = 8, acc_bits = 8)]
struct Net {
    quant_inp: QuantIdentity,
    fc: QuantLinear<4, 2>,
    relu: QuantReLU,
}

fn main() {}
