use fheqat::prelude::*;

struct Square;

impl Activation for Square {
    const SIGNED: bool = false;

    fn apply(x: f32) -> f32 {
        x * x
    }
}

#[quant_net(bits = 3, acc_bits = 5)]
struct Decided {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<1, 2>,
    #[layer(signed = false)]
    act1: QuantAct<Tanh>,
    fc2: QuantLinear<2, 1>,
}

#[quant_net(bits = 3, acc_bits = 5)]
struct Asked {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<1, 2>,
    act1: QuantAct<Square>,
    fc2: QuantLinear<2, 1>,
}

fn main() {}
