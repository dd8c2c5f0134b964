use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    conv1: QuantConv2d<3, 8, 3>,
    relu1: QuantReLU,
    pool: AvgPool2d<2>,
}

fn main() {}
