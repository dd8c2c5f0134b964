use fheqat::prelude::*;

#[quant_net(bits = 3, input = [2, 4])]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(from = [quant_inp, quant_inp])]
    twice: Add,
    #[layer(axes = [1, 0])]
    turned: Transpose,
}

fn main() {}
