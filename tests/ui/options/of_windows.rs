use fheqat::prelude::*;

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Net {
    #[layer(stride = 2)]
    quant_inp: QuantIdentity,
    #[layer(stride = 0, padding = -1, groups = 0)]
    conv1: QuantConv2d<1, 8, 3>,
    relu1: QuantReLU,
    #[layer(groups = 2, strides = 2)]
    pool: AvgPool2d<0>,
    quant_pool: QuantIdentity,
    #[layer(padding = 1)]
    flatten: Flatten,
}

fn main() {}
