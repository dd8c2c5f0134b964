use fheqat::prelude::*;

#[quant_net(bits = 3, max_bootstraps = 0)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 12>,
    relu1: QuantReLU,
}

fn main() {}
