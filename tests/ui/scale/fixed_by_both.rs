use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    #[layer(scale = 0.25)]
    relu1: QuantReLU,
    fc2: QuantLinear<8, 8>,
    #[layer(scale = 0.25)]
    quant2: QuantIdentity,
    #[layer(from = [relu1, quant2])]
    add: Add,
}

fn main() {}
