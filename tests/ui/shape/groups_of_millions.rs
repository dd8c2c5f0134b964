use fheqat::prelude::*;

const GROUPS: usize = 16_777_213;

#[quant_net(bits = 3, max_l1 = 1, input = [16777216, 1])]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(groups = GROUPS)]
    conv: QuantConv1d<16777216, 16777216, 1>,
}

#[quant_net(bits = 3, max_l1 = 1, input = [16777213, 1])]
struct Prime {
    quant_inp: QuantIdentity,
    #[layer(groups = 16777212)]
    conv: QuantConv1d<16777213, 16777213, 1>,
}

fn main() {}
