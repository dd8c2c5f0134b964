use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net<'a> {
    quant_inp: QuantIdentity,
    fc: [QuantLinear<2, 2>; 3],
    name: &'a str,
    hidden: usize,
    last: QuantLinear<2, 2>,
}

fn main() {}
