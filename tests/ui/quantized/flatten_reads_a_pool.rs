use fheqat::prelude::*;

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Net {
    quant_inp: QuantIdentity,
    conv1: QuantConv2d<1, 8, 3>,
    relu1: QuantReLU,
    pool: AvgPool2d<2>,
    flatten: Flatten,
    fc: QuantLinear<72, 10>,
}

fn main() {}
