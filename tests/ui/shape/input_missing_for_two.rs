use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(axes = [1, 0])]
    turned: Transpose,
    #[layer(from = quant_inp, axes = [1, 0])]
    again: Transpose,
    #[layer(from = [turned, again])]
    cat: Concat,
}

fn main() {}
