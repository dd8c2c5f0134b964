use fheqat::prelude::*;

const WIDTH: u8 = 2;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc: QuantLinear<WIDTH, 3>,
}

fn main() {}
