use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    flatten: Flatten,
    fc: QuantLinear<64, 10>,
}

fn main() {}
