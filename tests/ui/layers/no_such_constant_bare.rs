use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc: QuantLinear<WIDTH, 3>,
}

fn main() {}
