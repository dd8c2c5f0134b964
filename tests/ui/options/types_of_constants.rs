use fheqat::prelude::*;

const BITS: f64 = 3.0;
const SCALE: bool = true;
const WIDTH: &str = "4";

#[quant_net(bits = BITS, max_l1 = WIDTH)]
struct Net {
    #[layer(scale = SCALE)]
    quant_inp: QuantIdentity,
    #[layer(tolerance = WIDTH)]
    fc: QuantLinear<2, 3>,
}

fn main() {}
