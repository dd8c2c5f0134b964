use fheqat::prelude::*;

#[quant_net(bits = "three", max_nonzero = 1.5, narrow_range = 1, input = 2)]
struct Net {
    #[layer(signed = SIGNED, scale = "a half")]
    quant_inp: QuantIdentity,
    #[layer(bias = centered, max_l1 = -1)]
    fc: QuantLinear<2, 3>,
}

fn main() {}
