use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Sums {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<8, 4>,
    bits: Thermometer<3>,
    fc2: QuantLinear<12, 2>,
}

#[quant_net(bits = 3, input = [4])]
struct Levels {
    quant_inp: QuantIdentity,
    #[layer(from = quant_inp)]
    bits: Thermometer<3>,
    fc1: QuantLinear<12, 2>,
}

#[quant_net(bits = 3, input = [4])]
struct Twice {
    bits: Thermometer<3>,
    more: Thermometer<3>,
    fc1: QuantLinear<36, 2>,
}

fn main() {}
