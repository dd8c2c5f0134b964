use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    cat: Cat,
    turned: Permute,
    view: View,
    residual: Residual,
    conct: Conct,
}

fn main() {}
