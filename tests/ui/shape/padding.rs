use fheqat::prelude::*;

#[quant_net(bits = 3, input = [1, 8, 8])]
struct OnlyPadding {
    quant_inp: QuantIdentity,
    #[layer(padding = (0, 5, 0, 0), dilation = 2)]
    conv1: QuantConv2d<1, 8, 3>,
}

#[quant_net(bits = 3, input = [1, 3, 3])]
struct TooWide {
    quant_inp: QuantIdentity,
    #[layer(padding = (0, 1, 0, 1), dilation = 2)]
    conv1: QuantConv2d<1, 8, 3>,
}

#[quant_net(bits = 3, input = [1, 3])]
struct StepsOver {
    quant_inp: QuantIdentity,
    #[layer(padding = same, dilation = 5)]
    conv1: QuantConv1d<1, 8, 2>,
}

#[quant_net(bits = 3, input = [16])]
struct Flat {
    quant_inp: QuantIdentity,
    #[layer(padding = 1)]
    pad: Pad,
}

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Sides {
    quant_inp: QuantIdentity,
    #[layer(padding = (1, 1))]
    pad: Pad,
}

#[quant_net(bits = 3)]
struct NoInput {
    quant_inp: QuantIdentity,
    #[layer(padding = 1)]
    pad: Pad,
}

#[quant_net(bits = 3, input = [1, 4096, 4096])]
struct TooLarge {
    quant_inp: QuantIdentity,
    #[layer(padding = 1)]
    pad: Pad,
}

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Raw {
    quant_inp: QuantIdentity,
    conv1: QuantConv2d<1, 8, 3>,
    #[layer(padding = { 1 })]
    pad: Pad,
}

fn main() {}
