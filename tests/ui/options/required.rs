use fheqat::prelude::*;

#[quant_net(bits = 3, input = [2, 4])]
struct Net {
    quant_inp: QuantIdentity,
    turned: Transpose,
    grid: Reshape,
}

fn main() {}
