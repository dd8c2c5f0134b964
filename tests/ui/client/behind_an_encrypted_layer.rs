use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Behind {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    relu1: QuantReLU,
    #[layer(client)]
    fc2: Linear<8, 8>,
    #[layer(client)]
    relu2: ReLU,
    quant2: QuantIdentity,
    fc3: QuantLinear<8, 2>,
}

#[quant_net(bits = 3)]
struct Sums {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    #[layer(client)]
    norm1: BatchNorm,
    relu1: QuantReLU,
    fc2: QuantLinear<8, 2>,
}

fn main() {
    let _ = Behind::new(Seed(0));
    let _ = Sums::new(Seed(0));
}
