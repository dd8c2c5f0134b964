use fheqat::prelude::*;

#[quant_net(bits = 3, tolerence = 0.2, input = [1, 8, 8])]
struct Net {
    quant_inp: QuantIdentity,
    conv1: QuantConv2d<1, 4, 3>,
    relu1: QuantReLU,
    #[layer(tolerance = 0.2)]
    pool: AvgPool2d<2>,
    quant_pool: QuantIdentity,
    flatten: Flatten,
    fc: QuantLinear<36, 3>,
}

fn main() {}
