use fheqat::prelude::*;

#[quant_net(bits = 4)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<64, 784>,
    relu1: QuantReLU,
    fc2: QuantLinear<784, 10>,
    relu2: QuantReLU,
}

fn main() {}
