use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Uneven {
    bits: Thermometer<15>,
    fc1: QuantLinear<100, 2>,
}

#[quant_net(bits = 3)]
struct FewerThanBits {
    bits: Thermometer<15>,
    fc1: QuantLinear<8, 2>,
}

#[quant_net(bits = 3, input = [6])]
struct Given {
    bits: Thermometer<15>,
    fc1: QuantLinear<100, 2>,
}

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Image {
    bits: Thermometer<3>,
    conv: QuantConv2d<1, 4, 3>,
}

#[quant_net(bits = 3)]
struct NoInput {
    bits: Thermometer<3>,
    conv: QuantConv2d<3, 4, 3>,
}

#[quant_net(bits = 3, input = [1000000])]
struct TooManyBits {
    bits: Thermometer<20>,
}

fn main() {}
