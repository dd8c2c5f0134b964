use fheqat::prelude::*;

const NONE: usize = 0;

#[quant_net(bits = 3)]
struct Numbers {
    none: Thermometer<0>,
    #[layer(from = input)]
    many: Thermometer<2000>,
    #[layer(from = input)]
    missing: Thermometer,
    #[layer(from = input)]
    text: Thermometer<"3">,
}

#[quant_net(bits = 3)]
struct ByAConstant {
    bits: Thermometer<NONE>,
    fc1: QuantLinear<6, 2>,
}

#[quant_net(bits = 3, input = [2])]
struct Options {
    #[layer(thresholds = median)]
    other: Thermometer<3>,
    #[layer(from = input, thresholds = quantile)]
    near: Thermometer<3>,
    #[layer(from = input, thresholds = [0.25, 0.5])]
    list: Thermometer<2>,
    #[layer(from = input, bits = 3, scale = 0.5, signed = false, tolerance = 0.2)]
    quantizers: Thermometer<3>,
    #[layer(from = [other, near, list, quantizers])]
    cat: Concat,
    fc: QuantLinear<22, 2>,
}

#[quant_net(bits = 3)]
struct Elsewhere {
    #[layer(thresholds = uniform)]
    quant_inp: QuantIdentity,
    fc1: QuantLinear<6, 2>,
}

#[quant_net(bits = 3, thresholds = uniform)]
struct Network {
    bits: Thermometer<3>,
    fc1: QuantLinear<6, 2>,
}

fn main() {}
