use fheqat::prelude::*;

#[quant_net(bits = 3, input = [8])]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(shape = [2, 4])]
    wide: Reshape,
    #[layer(shape = [4, 2])]
    tall: Reshape,
    #[layer(from = [wide, tall])]
    cat: Concat,
}

fn main() {}
