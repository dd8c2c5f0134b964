use fheqat::prelude::*;

#[quant_net(bits = 3, max_l1 = 200, acc_bits = 10)]
struct Net {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    fc: QuantLinear<100, 10>,
}

fn main() {}
