use fheqat::prelude::*;

#[quant_net(bits = 3, input = [2, 4])]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(axes = [1, 1])]
    turned: Transpose,
}

fn main() {}
