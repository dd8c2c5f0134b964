use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    pool: GlobalAvgPool2d,
    quant_pool: QuantIdentity,
    fc: QuantLinear<4, 2>,
}

fn main() {}
