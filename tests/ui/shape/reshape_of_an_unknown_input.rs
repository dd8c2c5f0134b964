use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(shape = [8])]
    flat: Reshape,
    fc1: QuantLinear<8, 2>,
}

fn main() {}
