use fheqat::prelude::*;

#[quant_net(bits = 3, input = 8)]
struct Net {
    quant_inp: QuantIdentity,
    conv1: QuantConv2d<3, 8, 3>,
}

fn main() {}
