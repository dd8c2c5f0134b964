use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    relu1: QuantReLU,
    fc2: QuantLinear<8, 2>,
    quant2: QuantIdentity,
    #[layer(from = [quant2, input])]
    add: Add,
}

fn main() {}
