use fheqat::prelude::*;

#[quant_net(bits = 3, max_non_zero = 30)]
struct Net {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 100>,
    relu1: QuantReLU,
    fc2: QuantLinear<64, 2>,
}

fn main() {
    let _ = Net::new(Seed(0));
}
