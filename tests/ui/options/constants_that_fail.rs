use fheqat::prelude::*;

const ZERO: usize = 0;

#[quant_net(bits = { 3 / ZERO })]
struct Net {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, { ZERO - 1 }>,
}

fn main() {}
