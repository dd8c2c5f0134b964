use fheqat::prelude::*;

const SIDE: usize = 4096;
const FILTERS: usize = 2;

#[quant_net(bits = 3, input = [1, SIDE, SIDE])]
struct Net {
    quant_inp: QuantIdentity,
    conv: QuantConv2d<1, FILTERS, 1>,
}

#[quant_net(bits = 3, input = [2, SIDE, SIDE])]
struct Input {
    quant_inp: QuantIdentity,
    flatten: Flatten,
}

fn main() {}
