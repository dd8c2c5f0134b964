use fheqat::prelude::*;

#[quant_net(bits = 3)]
enum Either {
    Quant(QuantIdentity),
}

#[quant_net(bits = 3)]
union Both {
    number: u8,
}

fn main() {}
