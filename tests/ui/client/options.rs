use fheqat::prelude::*;

const HIDDEN: usize = 8;

#[quant_net(bits = 3)]
struct Net {
    #[layer(client, weight_bits = 3, max_l1 = 8, bias = none)]
    fc0: Linear<2, HIDDEN>,
    #[layer(client, bits = 2)]
    relu0: ReLU,
    #[layer(client = maybe)]
    fc1: Linear<8, 8>,
    quant: QuantIdentity,
    fc2: QuantLinear<8, 2>,
}

fn main() {
    let _ = Net::new(Seed(0));
}
