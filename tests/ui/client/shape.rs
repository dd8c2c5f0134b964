use fheqat::prelude::*;

const HIDDEN: usize = 9;

#[quant_net(bits = 3)]
struct Net {
    #[layer(client)]
    fc0: Linear<2, 8>,
    #[layer(client)]
    fc1: Linear<7, 8>,
    quant: QuantIdentity,
    fc2: QuantLinear<8, 2>,
}

#[quant_net(bits = 3)]
struct ByConstant {
    #[layer(client)]
    fc0: Linear<2, HIDDEN>,
    quant: QuantIdentity,
    fc2: QuantLinear<8, 2>,
}

fn main() {
    let _ = Net::new(Seed(0));
    let _ = ByConstant::new(Seed(0));
}
