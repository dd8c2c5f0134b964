#[quant_net(bits = 3)]
struct Groups {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 2>,
}
