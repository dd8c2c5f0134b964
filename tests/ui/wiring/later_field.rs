use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(from = relu1)]
    fc1: QuantLinear<2, 100>,
    relu1: QuantReLU,
    fc2: QuantLinear<100, 2>,
}

fn main() {}
