use fheqat::prelude::*;

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Net {
    quant_inp: QuantIdentity,
    conv1: QuantConv2d<1, 8, 3>,
    relu1: QuantReLU,
    conv2: QuantConv2d<4, 8, 3>,
}

fn main() {}
