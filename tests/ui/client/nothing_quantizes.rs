use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Read {
    #[layer(client)]
    fc0: Linear<2, 8>,
    fc1: QuantLinear<8, 2>,
}

#[quant_net(bits = 3)]
struct Rectified {
    #[layer(client)]
    fc0: Linear<2, 8>,
    relu0: QuantReLU,
    fc1: QuantLinear<8, 2>,
}

#[quant_net(bits = 3)]
struct Alone {
    #[layer(client)]
    fc0: Linear<2, 8>,
    #[layer(client)]
    relu0: ReLU,
}

fn main() {
    let _ = Read::new(Seed(0));
    let _ = Rectified::new(Seed(0));
    let _ = Alone::new(Seed(0));
}
