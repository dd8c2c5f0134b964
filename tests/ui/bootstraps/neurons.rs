use fheqat::prelude::*;

#[quant_net(bits = 3, max_nonzero = 30, max_bootstraps = 150)]
struct Checkerboard {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 100>,
    relu1: QuantReLU,
    fc2: QuantLinear<100, 100>,
    relu2: QuantReLU,
    fc3: QuantLinear<100, 2>,
}

fn main() {}
