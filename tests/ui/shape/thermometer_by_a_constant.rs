use fheqat::prelude::*;

const BITS: usize = 15;
const WIDTH: usize = 100;

#[quant_net(bits = 3)]
struct Net {
    bits: Thermometer<BITS>,
    fc1: QuantLinear<WIDTH, 2>,
}

fn main() {}
