use fheqat::prelude::*;

const HIDDEN: usize = 8;

#[quant_net(bits = 3)]
struct Net {
    quant: QuantIdentity,
    fc1: Linear<2, HIDDEN>,
    relu1: ReLU,
    #[layer(client = false)]
    fc2: Linear<8, 2>,
}

fn main() {
    let _ = Net::new(Seed(0));
}
