use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Bounds {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 3>,
    clip: QuantAct<Clip<6, 0>>,
    fc2: QuantLinear<3, 3>,
}

#[quant_net(bits = 3)]
struct Divisor {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 3>,
    leaky: QuantAct<LeakyReLU<1, 0>>,
    fc2: QuantLinear<3, 3>,
}

#[quant_net(bits = 3)]
struct Slope {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 3>,
    gate: QuantAct<HardSigmoid<-1>>,
    fc2: QuantLinear<3, 3>,
}

fn main() {}
