use fheqat::{nn::layers::MaxPool2d, prelude::*};

#[quant_net(bits = 3, input = [1, 4, 4])]
struct TooLarge {
    quant_inp: QuantIdentity,
    pool: MaxPool2d<5>,
}

#[quant_net(bits = 3, input = [1, 4, 4])]
struct OnlyPadding {
    quant_inp: QuantIdentity,
    #[layer(padding = 2)]
    pool: MaxPool2d<2>,
}

#[quant_net(bits = 3, input = [16])]
struct Flat {
    quant_inp: QuantIdentity,
    pool: MaxPool2d<2>,
}

#[quant_net(bits = 3)]
struct NoInput {
    quant_inp: QuantIdentity,
    pool: MaxPool2d<2>,
}

#[quant_net(bits = 3, input = [1, 4096, 4096])]
struct Padded {
    quant_inp: QuantIdentity,
    #[layer(stride = 1, padding = 1)]
    pool: MaxPool2d<2>,
}

fn main() {}
