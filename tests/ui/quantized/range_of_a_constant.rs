use fheqat::prelude::*;

const WIDTH: usize = 100;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<WIDTH, 100>,
    fc2: QuantLinear<100, 2>,
}

fn main() {}
