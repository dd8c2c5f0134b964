use fheqat::prelude::*;

const BITS: usize = 2;

#[quant_net(bits = BITS + 1)]
struct Net {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 3>,
}

fn main() {}
