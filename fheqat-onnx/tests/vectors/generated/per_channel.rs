#[quant_net(bits = 3)]
struct PerChannel {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 2>,
}
