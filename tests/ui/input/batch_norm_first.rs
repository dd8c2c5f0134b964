use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    norm: BatchNorm,
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 3>,
}

fn main() {}
