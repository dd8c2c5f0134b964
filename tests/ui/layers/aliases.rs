use fheqat::prelude::*;
#[allow(unused_imports)]
use fheqat::prelude::QuantReLU as Rectifier;

type Hidden = QuantLinear<2, 3>;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: Hidden,
    relu1: Rectifier,
    act1: Activation<Tanh>,
    fc2: candle_nn::Linear<3, 2>,
}

fn main() {}
