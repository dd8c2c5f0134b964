use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    relu1: QuantReLU,
    fc2: QuantLinear<8, 8>,
    #[layer(from = [relu1, fc2])]
    add: Add,
    relu2: QuantReLU,
}

fn main() {}
