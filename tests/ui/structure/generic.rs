use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net<const WIDTH: usize> {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, WIDTH>,
}

fn main() {}
