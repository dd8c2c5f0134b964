#[quant_net(bits = 3)]
struct Branches {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 2>,
}
