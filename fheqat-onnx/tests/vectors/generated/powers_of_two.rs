#[quant_net(bits = 3)]
struct PowersOfTwo {
    quant_inp: QuantIdentity,
    #[layer(bias = free)]
    fc1: QuantLinear<6, 12>,
    relu1: QuantReLU,
    fc2: QuantLinear<12, 4>,
}
