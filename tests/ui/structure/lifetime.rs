use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net<'a> {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<'a, 2, 3>,
    relu1: QuantReLU<'a>,
    act1: QuantAct<'a>,
    fc2: QuantLinear<'a, 2>,
}

fn main() {}
