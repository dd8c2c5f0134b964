use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    norm: BatchNorm,
    relu: QuantReLU,
    conv: QuantConv2d<1, 8, 3>,
}

fn main() {}
