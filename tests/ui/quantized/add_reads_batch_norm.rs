use fheqat::prelude::*;

#[quant_net(bits = 3, max_nonzero = 8)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<8, 8>,
    relu1: QuantReLU,
    fc2: QuantLinear<8, 8>,
    norm2: BatchNorm,
    #[layer(from = [norm2, relu1])]
    add: Add,
    relu2: QuantReLU,
}

fn main() {}
