//! Functions of each number.

use crate::{
    FORMATS,
    builder::{
        Attribute::{self, F, I, S},
        Builder, Format,
    },
    check, has, refused,
};

/// A network with operations behind its first layer, the last of which gives what is rounded.
fn network(
    format: Format,
    bits: u32,
    is_signed: bool,
    function: impl Fn(&mut Builder, &str) -> String,
) -> (Builder, String) {
    let mut b = Builder::new(format, u64::from(bits), &[4]);
    let x = b.quant("quant_inp", "x", 4, true);
    let x = b.linear("fc1", &x, 4, 9, 4);
    let x = function(&mut b, &x);
    let x = b.quant("act1", &x, bits, is_signed);
    let x = b.linear("fc2", &x, 9, 2, 3);
    (b, x)
}

#[test]
fn functions_are_those_of_the_operations() {
    let cases: [(&str, &[Attribute<'_>], bool, &str); 22] = [
        ("LeakyRelu", &[], true, "QuantAct<LeakyReLU>"),
        ("LeakyRelu", &[F("alpha", 0.2)], true, "QuantAct<LeakyReLU<1, 5>>"),
        ("LeakyRelu", &[F("alpha", 0.37)], true, "QuantAct<LeakyReLU<37, 100>>"),
        ("LeakyRelu", &[F("alpha", 0.0)], false, "act1: QuantReLU"),
        ("Elu", &[], true, "QuantAct<ELU>"),
        ("Elu", &[F("alpha", 0.7)], true, "QuantAct<ELU<7, 10>>"),
        ("Selu", &[], true, "QuantAct<SELU>"),
        ("Softplus", &[], false, "QuantAct<Softplus>"),
        ("Softplus", &[], true, "#[layer(signed = true)]\n    act1: QuantAct<Softplus>"),
        ("Softsign", &[], true, "QuantAct<Softsign>"),
        ("HardSigmoid", &[], false, "QuantAct<HardSigmoid<1, 5>>"),
        ("HardSigmoid", &[F("alpha", 1.0 / 6.0)], false, "QuantAct<HardSigmoid>"),
        ("HardSwish", &[], true, "QuantAct<HardSwish>"),
        ("HardSwish", &[], false, "signed = false)]\n    act1: QuantAct<HardSwish>"),
        ("Mish", &[], true, "QuantAct<Mish>"),
        ("Gelu", &[S("approximate", "tanh")], true, "QuantAct<Gelu>"),
        ("Gelu", &[S("approximate", "none")], true, "QuantAct<GeluErf>"),
        ("Gelu", &[], false, "signed = false)]\n    act1: QuantAct<GeluErf>"),
        ("ThresholdedRelu", &[], false, "QuantAct<Threshold<1, 0>>"),
        ("ThresholdedRelu", &[F("alpha", 0.3)], false, "QuantAct<Threshold<3, 0, 10>>"),
        ("ThresholdedRelu", &[F("alpha", -0.25)], true, "QuantAct<Threshold<-1, 0, 4>>"),
        ("ThresholdedRelu", &[F("alpha", 0.0)], false, "act1: QuantReLU"),
    ];
    for format in FORMATS {
        for (op, attributes, is_signed, source) in &cases {
            let (b, x) = network(format, 4, *is_signed, |b, x| b.op("f", op, &[x], attributes));
            has(&check(b, &x), source);
        }
    }
}

#[test]
fn products_of_a_number_and_its_function() {
    for format in FORMATS {
        for turned in [false, true] {
            let product = |b: &mut Builder, x: &str, factor: &str| {
                b.op("product", "Mul", &if turned { [factor, x] } else { [x, factor] }, &[])
            };
            let (b, x) = network(format, 4, true, |b, x| {
                let factor = b.op("s", "Sigmoid", &[x], &[]);
                product(b, x, &factor)
            });
            has(&check(b, &x), "QuantAct<SiLU>");
            let (b, x) = network(format, 5, true, |b, x| {
                let factor = b.op("s", "HardSigmoid", &[x], &[F("alpha", 1.0 / 6.0)]);
                product(b, x, &factor)
            });
            has(&check(b, &x), "QuantAct<HardSwish>");
            let (b, x) = network(format, 6, true, |b, x| {
                let factor = b.op("s", "Softplus", &[x], &[]);
                let factor = b.op("t", "Tanh", &[&factor], &[]);
                product(b, x, &factor)
            });
            has(&check(b, &x), "QuantAct<Mish>");
        }
    }
}

#[test]
fn one_slope_that_was_trained() {
    for format in FORMATS {
        let (b, x) = network(format, 4, true, |b, x| {
            let slope = b.floats("slope", &[1], &[0.25]);
            b.op("f", "PRelu", &[x, &slope], &[])
        });
        has(&check(b, &x), "QuantAct<LeakyReLU<1, 4>>");
    }
}

/// A slope of any float runs without being compiled.
#[test]
fn a_slope_of_any_float() {
    let slope = f32::from_bits(0x3e7a_bcde);
    let (b, x) = network(Format::Qonnx, 4, true, |b, x| b.op("f", "LeakyRelu", &[x], &[F("alpha", slope)]));
    let imported = check(b, &x);
    let source = imported.source();
    let (_, ratio) = source.split_once("LeakyReLU<").unwrap();
    let (numerator, per) = ratio.split_once('>').unwrap().0.split_once(", ").unwrap();
    let [numerator, per] = [numerator, per].map(|number| number.parse::<f64>().unwrap());
    assert_eq!(((numerator / per) as f32).to_bits(), slope.to_bits());
}

#[test]
fn functions_of_other_numbers_are_named() {
    let mut b = Builder::new(Format::Qonnx, 1, &[4]);
    let slopes = b.floats("slopes", &[4], &[0.1, 0.1, 0.2, 0.1]);
    let names = [
        b.op("slope", "LeakyRelu", &["x"], &[F("alpha", f32::INFINITY)]),
        b.op("slopes", "PRelu", &["x", &slopes], &[]),
        b.op("exact", "Gelu", &["x"], &[S("approximate", "erf")]),
        b.op("selu", "Selu", &["x"], &[F("gamma", 1.0)]),
        b.op("hard", "HardSigmoid", &["x"], &[F("beta", 0.4)]),
        b.op("product", "Mul", &["x", "x"], &[]),
    ];
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let x = b.op("cat", "Concat", &names, &[I("axis", 1)]);
    refused::check(
        b,
        &x,
        &[
            "`/slope/LeakyRelu` (LeakyRelu): has `slope` of inf",
            "`/slopes/PRelu` (PRelu): has a slope of 0.1 and one of 0.2",
            "`/exact/Gelu` (Gelu): has `approximate` of erf, but",
            "`/selu/Selu` (Selu): has `gamma` of 1, but only 1.050701 is read",
            "`/hard/HardSigmoid` (HardSigmoid): has `beta` of 0.4, but only 0.5 is read",
            "`/product/Mul` (Mul): multiplies two tensors",
        ],
    );
}
