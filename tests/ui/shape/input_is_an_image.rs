use fheqat::prelude::*;

const SIDE: usize = 8;

#[quant_net(bits = 3, input = [1, SIDE, SIDE])]
struct Net {
    quant_inp: QuantIdentity,
    fc: QuantLinear<64, 10>,
}

fn main() {}
