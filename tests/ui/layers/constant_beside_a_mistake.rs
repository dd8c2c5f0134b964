use fheqat::prelude::*;

const WIDTH: usize = 2;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc: QuantLinear<WIDTH, "three">,
}

fn main() {}
