use fheqat::prelude::*;

#[quant_net(bits = 3, input = [12, 8, 8])]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(groups = 5)]
    conv1: QuantConv2d<12, 8, 3>,
}

fn main() {}
