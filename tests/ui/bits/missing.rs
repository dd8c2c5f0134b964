use fheqat::prelude::*;

#[quant_net]
struct Net {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 3>,
}

fn main() {}
