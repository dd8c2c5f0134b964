#[quant_net(bits = 3)]
struct IntBias {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 2>,
}
