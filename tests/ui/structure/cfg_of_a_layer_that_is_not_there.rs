use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    #[cfg(any())]
    fc: QuantLinear<2, { 1 + 2 }>,
}

fn main() {}
