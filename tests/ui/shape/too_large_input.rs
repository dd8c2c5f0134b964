use fheqat::prelude::*;

#[quant_net(bits = 3, input = [4096, 4096, 4096])]
struct Net {
    quant_inp: QuantIdentity,
    flatten: Flatten,
}

#[quant_net(bits = 3, input = [16777216, 16777216, 16777216, 16777216])]
struct Joined {
    quant_inp: QuantIdentity,
    flatten: Flatten,
    #[layer(from = [flatten, flatten])]
    cat: Concat,
}

fn main() {}
