use fheqat::prelude::*;

#[quant_net(bits = 3, input = [3])]
struct Net {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 100>,
}

fn main() {}
