use fheqat::prelude::*;

const LAST: usize = 2;

#[quant_net(bits = 3, input = [2, 4])]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(axes = [LAST, 0])]
    turned: Transpose,
}

fn main() {}
