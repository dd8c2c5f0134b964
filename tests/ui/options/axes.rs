use fheqat::prelude::*;

#[quant_net(bits = 3, input = [2, 4])]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(axes = [1, 4])]
    turned: Transpose,
    #[layer(axes = 1)]
    back: Transpose,
    #[layer(axes = [])]
    none: Transpose,
    #[layer(shape = 8)]
    flat: Reshape,
    #[layer(scale_from = [back])]
    quant: QuantIdentity,
}

fn main() {}
