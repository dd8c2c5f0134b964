use fheqat::prelude::*;

#[quant_net(bits: 3, max_l1, acc_bits = , 16, max_nonzero = 30)]
struct Net {
    #[layer]
    quant_inp: QuantIdentity,
    #[layer()]
    fc1: QuantLinear<2, 3>,
    #[layer = "bits"]
    relu1: QuantReLU,
    #[layer(weight_bits(3))]
    fc2: QuantLinear<3, 3>,
}

fn main() {}
