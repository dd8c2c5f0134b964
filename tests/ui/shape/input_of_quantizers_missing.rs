use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: QuantIdentity,
    #[layer(bits = 2)]
    coarse: QuantIdentity,
}

fn main() {}
