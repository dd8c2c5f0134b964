#[quant_net(bits = 3)]
struct Binary {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 2>,
}
