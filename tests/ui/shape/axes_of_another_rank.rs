use fheqat::prelude::*;

#[quant_net(bits = 3, input = [2, 4])]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(axes = [2, 0, 1])]
    turned: Transpose,
}

fn main() {}
