use fheqat::prelude::*;

mod data {
    pub const PIXELS: usize = 784;
}
use data::PIXELS;

#[quant_net(bits = 4)]
struct Net {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    fc: QuantLinear<PIXELS, 10>,
    relu: QuantReLU,
}

fn main() {}
