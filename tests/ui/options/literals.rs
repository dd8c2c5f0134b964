use fheqat::prelude::*;

#[quant_net(bits = 3f32, max_nonzero = 300u8, max_l1 = 3px, acc_bits = 340282366920938463463374607431768211456)]
struct Net {
    #[layer(scale = 1u4, bits = -1u8)]
    quant_inp: QuantIdentity,
    #[layer(weight_bits = 3.0, max_l1 = -0x10, acc_bits = (25))]
    fc1: QuantLinear<2, 3>,
    #[layer(scale = -(1), bits = { 3 } + 1)]
    relu1: QuantReLU,
    #[layer(tolerance = 0x5, max_nonzero = -WIDTH)]
    fc2: QuantLinear<3, 2>,
}

fn main() {}
