use fheqat::prelude::*;

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Net {
    quant_inp: QuantIdentity,
    conv1: Conv2d<1, 8, 3>,
    relu1: QuantReLU,
    pool: AvgPool<2>,
    quant_pool: QuantIdentity,
    conv2: QuantConv2D<8, 8, 3>,
    relu2: QuantReLU,
    conv3: QuantConv2d<8, 8>,
    quant3: QuantIdentity,
    global: AdaptiveAvgPool2d<1>,
}

fn main() {}
