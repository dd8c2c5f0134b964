use fheqat::prelude::*;

#[quant_net(bits = 3, input = [4, 8, 8], max_bootstraps = 20)]
struct Pooled {
    quant_inp: QuantIdentity,
    pool: AvgPool2d<2>,
    quant_pool: QuantIdentity,
    flatten: Flatten,
    fc: QuantLinear<64, 4>,
    relu: QuantReLU,
}

fn main() {}
