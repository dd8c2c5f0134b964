use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    relu1: QuantReLU,
    #[layer(shape = [2, 3])]
    grid: Reshape,
}

fn main() {}
