use fheqat::prelude::*;

const LEAST: i128 = i128::MIN;
const BEYOND: u128 = 1 << 127;

#[quant_net(bits = u128::MAX, max_nonzero = BEYOND, max_l1 = i128::MAX)]
struct Net {
    #[layer(scale = u128::MAX)]
    quant_inp: QuantIdentity,
    #[layer(weight_bits = LEAST, acc_bits = -1)]
    fc: QuantLinear<2, 3>,
}

fn main() {}
