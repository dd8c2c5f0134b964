#[quant_net(bits = 3)]
struct MaxPool {
    quant_inp: QuantIdentity,
    fc: QuantLinear<2, 2>,
}
