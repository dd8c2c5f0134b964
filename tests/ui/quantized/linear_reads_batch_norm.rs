use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 100>,
    norm1: BatchNorm,
    fc2: QuantLinear<100, 2>,
}

fn main() {}
