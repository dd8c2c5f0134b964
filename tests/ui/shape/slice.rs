use fheqat::prelude::*;

#[quant_net(bits = 3, input = [8])]
struct Empty {
    quant_inp: QuantIdentity,
    slice: Slice<3, 3>,
}

#[quant_net(bits = 3, input = [8])]
struct Outside {
    quant_inp: QuantIdentity,
    slice: Slice<4, 9>,
}

#[quant_net(bits = 3, input = [8])]
struct NoAxis {
    quant_inp: QuantIdentity,
    #[layer(axis = 1)]
    slice: Slice<0, 4>,
}

#[quant_net(bits = 3)]
struct NoInput {
    quant_inp: QuantIdentity,
    slice: Slice<0, 4>,
}

#[quant_net(bits = 3)]
struct Numbers {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    relu1: QuantReLU,
    one: Slice<4>,
    #[layer(axis = 4)]
    axis: Slice<-1, 0>,
}

#[quant_net(bits = 3)]
struct Raw {
    quant_inp: QuantIdentity,
    fc1: QuantLinear<2, 8>,
    slice: Slice<0, 4>,
}

fn main() {}
