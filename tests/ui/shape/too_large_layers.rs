use fheqat::prelude::*;

#[quant_net(bits = 3, input = [1, 4096, 4096])]
struct Filters {
    quant_inp: QuantIdentity,
    conv: QuantConv2d<1, 2, 1>,
    relu: QuantReLU,
    flatten: Flatten,
    fc: QuantLinear<33554432, 2>,
}

#[quant_net(bits = 3, input = [1, 4096, 4096])]
struct Padded {
    quant_inp: QuantIdentity,
    #[layer(padding = 1)]
    conv: QuantConv2d<1, 1, 2>,
}

#[quant_net(bits = 3, input = [1, 4096, 4096])]
struct Pooled {
    quant_inp: QuantIdentity,
    #[layer(stride = 1, padding = 1)]
    pool: AvgPool2d<2>,
}

#[quant_net(bits = 3, input = [1, 4096, 4096])]
struct Joined {
    quant_inp: QuantIdentity,
    #[layer(from = [quant_inp, quant_inp])]
    cat: Concat,
    flatten: Flatten,
}

#[quant_net(bits = 3, input = [16])]
struct Reshaped {
    quant_inp: QuantIdentity,
    #[layer(shape = [16777216, 16777216, 16777216, 16777216])]
    grid: Reshape,
}

fn main() {}
