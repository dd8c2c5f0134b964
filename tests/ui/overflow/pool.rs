use fheqat::prelude::*;

#[quant_net(weight_bits = 3, act_bits = 8, input = [1, 8, 8])]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(acc_bits = 9)]
    pool: AvgPool2d<4>,
}

fn main() {}
