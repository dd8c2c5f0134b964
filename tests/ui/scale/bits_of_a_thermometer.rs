use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Behind {
    bits: Thermometer<3>,
    fc1: QuantLinear<6, 4>,
    relu1: QuantReLU,
    #[layer(from = [bits, relu1])]
    cat: Concat,
    fc2: QuantLinear<10, 2>,
}

#[quant_net(bits = 3, input = [2])]
struct Before {
    quant_inp: QuantIdentity,
    #[layer(from = input)]
    bits: Thermometer<3>,
    #[layer(from = [quant_inp, bits])]
    cat: Concat,
    fc: QuantLinear<8, 2>,
}

fn main() {}
