use fheqat::prelude::*;

#[quant_net(bits = 3, input = [2, 8, 8], max_bootstraps = 200)]
struct Image {
    quant_inp: QuantIdentity,
    #[layer(groups = 2)]
    conv1: QuantConv2d<2, 8, 3>,
    norm1: BatchNorm,
    act1: QuantAct<Gelu>,
    pool: AvgPool2d<2>,
    quant_pool: QuantIdentity,
    flatten: Flatten,
}

fn main() {}
