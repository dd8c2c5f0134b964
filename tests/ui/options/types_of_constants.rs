use fheqat::prelude::*;

const BITS: f64 = 3.0;
const SCALE: usize = 1;

#[quant_net(bits = BITS)]
struct Net {
    #[layer(scale = SCALE)]
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 3>,
}

fn main() {}
