use fheqat::prelude::*;

#[quant_net(bits = 3, max_nonzero = 42, narrow_range = false, acc_bits = 11)]
struct Net {
    #[layer(signed = false)]
    quant_inp: QuantIdentity,
    fc: QuantLinear<100, 10>,
}

fn main() {}
