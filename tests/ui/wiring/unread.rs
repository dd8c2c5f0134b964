use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 2>,
    relu1: QuantReLU,
    #[layer(from = quant_inp)]
    fc2: QuantLinear<2, 2>,
}

fn main() {}
