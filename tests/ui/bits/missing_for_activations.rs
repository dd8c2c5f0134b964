use fheqat::prelude::*;

#[quant_net(weight_bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 3>,
}

fn main() {}
