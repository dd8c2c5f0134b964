use fheqat::prelude::*;

#[quant_net(bits = 8, input = [3, 224, 224])]
struct Net {
    quant_inp: QuantIdentity,
    pool: GlobalAvgPool2d,
    quant_pool: QuantIdentity,
}

fn main() {}
