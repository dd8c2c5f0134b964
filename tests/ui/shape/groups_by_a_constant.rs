use fheqat::prelude::*;

const GROUPS: usize = 4;

#[quant_net(bits = 3, input = [4, 16])]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(groups = GROUPS)]
    conv1: QuantConv1d<4, 6, 3>,
}

fn main() {}
