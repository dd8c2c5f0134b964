use fheqat::prelude::*;

#[quant_net(bits = 3)]
enum Either {
    Quant {
        #[layer(bits = 2)]
        quant_inp: QuantIdentity,
    },
}

fn main() {}
