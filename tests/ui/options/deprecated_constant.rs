#![deny(deprecated)]

use fheqat::prelude::*;

#[deprecated = "use `bits::NARROW`"]
const BITS: usize = 3;

#[quant_net(bits = BITS)]
struct Warned {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 3>,
}

#[quant_net(bits = BITS)]
#[allow(deprecated)]
struct Silent {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, { BITS + 1 }>,
}

fn main() {}
