use fheqat::prelude::*;

#[quant_net(bits = 3)]
struct Net {
    quant_inp: Identity,
    fc1: Linear<2, 100>,
    relu1: ReLU,
    fc2: QuantLinear<100, 2>,
}

fn main() {
    let net = Net::new(Seed(0));
    assert_eq!(net.layers().len(), 4);
}
