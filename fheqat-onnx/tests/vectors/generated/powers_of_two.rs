#[quant_net(bits = 3)]
struct PowersOfTwo {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 2>,
}
