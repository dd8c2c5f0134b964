use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear,
    relu1: QuantReLU<4>,
    fc2: QuantLinear<100>,
    relu2: QuantReLU,
    fc3: QuantLinear<100, 2, true>,
}

fn main() {}
