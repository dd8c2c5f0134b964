#[quant_net(bits = 3)]
struct SignedRelu {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 2>,
}
