use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    relu1: QuantReLU,
    #[layer(from = [relu1, 3])]
    add: Add,
    #[layer(from = [])]
    relu2: QuantReLU,
}

fn main() {}
