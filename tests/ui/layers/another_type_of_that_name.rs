use fheqat::prelude::*;

struct QuantReLU;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 3>,
    relu1: QuantReLU,
    fc2: QuantLinear<3, 3>,
}

fn main() {}
