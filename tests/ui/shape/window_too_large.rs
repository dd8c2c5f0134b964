use fheqat::prelude::*;

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(stride = 2)]
    conv1: QuantConv2d<1, 8, 3>,
    relu1: QuantReLU,
    conv2: QuantConv2d<8, 8, 5>,
}

fn main() {}
