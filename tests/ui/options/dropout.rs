use fheqat::prelude::*;

const P: f64 = 1.0;

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(p = 1)]
    certain: Dropout,
    #[layer(p = -0.1)]
    negative: Dropout,
    #[layer(p = P)]
    constant: Dropout,
    #[layer(p = "much")]
    text: Dropout,
    #[layer(p = 1 / 2)]
    half: Dropout,
    #[layer(bits = 3)]
    wide: Dropout,
    #[layer(tolerance = 0.2)]
    pool: MaxPool2d<2>,
}

fn main() {}
