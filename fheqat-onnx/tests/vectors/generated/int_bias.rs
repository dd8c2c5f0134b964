#[quant_net(bits = 3)]
struct IntBias {
    #[layer(bits = 4)]
    quant_inp: QuantIdentity,
    #[layer(weight_bits = 4, bias = free)]
    fc1: QuantLinear<6, 12>,
    relu1: QuantReLU,
    #[layer(bias = free)]
    fc2: QuantLinear<12, 4>,
    #[layer(bits = 8)]
    out: QuantIdentity,
}
