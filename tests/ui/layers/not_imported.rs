#[fheqat::quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc: fheqat::prelude::QuantLinear<2, 3>,
}

fn main() {}
