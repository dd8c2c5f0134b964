use fheqat::prelude::*;

const HIDDEN: usize = 12;
const MOST: u32 = 11;

#[quant_net(bits = 3, max_bootstraps = MOST)]
struct Limit {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 12>,
    relu1: QuantReLU,
}

#[quant_net(bits = 3, max_bootstraps = 11)]
struct Width {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, HIDDEN>,
    relu1: QuantReLU,
}

fn main() {}
