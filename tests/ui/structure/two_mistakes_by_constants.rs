use fheqat::prelude::*;

const BITS: usize = 12;
const WIDTH: usize = 64;

#[quant_net(weight_bits = BITS, act_bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 100>,
    relu1: QuantReLU,
    fc2: QuantLinear<WIDTH, 2>,
}

fn main() {
    let _ = Net::new(Seed(0));
}
