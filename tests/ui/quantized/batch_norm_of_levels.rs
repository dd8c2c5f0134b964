use fheqat::prelude::*;

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Net {
    quant_inp: QuantIdentity,
    norm: BatchNorm,
    conv: QuantConv2d<1, 8, 3>,
}

fn main() {}
