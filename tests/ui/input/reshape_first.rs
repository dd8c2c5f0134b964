use fheqat::prelude::*;

#[quant_net(bits = 3, input = [2, 4])]
struct Net {
    #[layer(shape = [8])]
    flat: Reshape,
    quant_inp: QuantIdentity,
    fc1: QuantLinear<8, 2>,
}

fn main() {}
