use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 3>,
    act1: QuantAct<Snake>,
    fc2: QuantLinear<3, 3>,
}

fn main() {}
