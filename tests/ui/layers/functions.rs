use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 3>,
    none: QuantAct,
    number: QuantAct<3>,
    two: QuantAct<Tanh, Gelu>,
    alias: Activation<Tanh>,
    fc2: QuantLinear<3, 3>,
}

fn main() {}
