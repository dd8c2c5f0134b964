use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    #[layer(shape = [2, 4])]
    grid: Reshape,
}

fn main() {}
