use fheqat::prelude::*;

struct Net {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 3>,
}

fn main() {
    let _ = <Net as Network>::new(Seed(0));
}
