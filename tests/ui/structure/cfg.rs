use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    #[cfg(all())]
    fc: QuantLinear<2, 3>,
}

fn main() {}
