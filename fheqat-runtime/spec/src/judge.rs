//! The verdict on each field of a network.

use alloc::{vec, vec::Vec};

use crate::{
    Fact, Form, Issue, Known, Law, Net, Source,
    asked::{Asked, Survey, admitted},
    layers::properties::Gives,
    rules,
};

/// What is known about a field's output, and each law the field breaks.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    /// The output.
    pub fact: Fact,
    issues: [Option<Issue<'a>>; Law::ALL.len()],
}

impl<'a> Verdict<'a> {
    const UNKNOWN: Self = Self { fact: Fact::UNKNOWN, issues: [None; Law::ALL.len()] };

    /// How the field breaks `law`, if it does.
    #[must_use]
    pub const fn issue(&self, law: Law) -> Option<&Issue<'a>> {
        self.issues[law.index()].as_ref()
    }

    /// How the field breaks the laws, in their order.
    pub fn issues(&self) -> impl Iterator<Item = &Issue<'a>> {
        self.issues.iter().flatten()
    }

    /// Stops const evaluation with the message if the field breaks `law`.
    ///
    /// # Panics
    /// When it does: at compile time, that is the error the user reads.
    #[track_caller]
    pub const fn assert(&self, law: Law) {
        if let Some(issue) = self.issue(law) {
            issue.stop();
        }
    }
}

/// The verdict on every field, in time that grows with the fields and wires. `N` is the number of fields.
///
/// # Panics
/// When `N` is not the number of fields.
#[must_use]
pub const fn judge_all<'a, const N: usize>(net: &Net<'a>) -> [Verdict<'a>; N] {
    assert!(net.fields.len() == N, "one verdict a field");
    let (mut facts, mut verdicts, mut is_read) = ([Fact::UNKNOWN; N], [Verdict::UNKNOWN; N], [false; N]);
    net.mark_read(&mut is_read);
    let survey = Survey::of(net);
    let mut index = 0;
    while index < N {
        verdicts[index] = of_field(net, survey, &facts, index, is_read[index]);
        facts[index] = verdicts[index].fact;
        index += 1;
    }
    verdicts
}

/// [`judge_all`] of a network whose number of fields is not known when it is compiled.
#[must_use]
pub fn judge_each<'a>(net: &Net<'a>) -> Vec<Verdict<'a>> {
    let mut is_read = vec![false; net.fields.len()];
    net.mark_read(&mut is_read);
    let survey = Survey::of(net);
    let mut facts = Vec::with_capacity(net.fields.len());
    let mut verdicts = Vec::with_capacity(net.fields.len());
    for (index, is_read) in is_read.into_iter().enumerate() {
        let verdict = of_field(net, survey, &facts, index, is_read);
        facts.push(verdict.fact);
        verdicts.push(verdict);
    }
    verdicts
}

/// The verdict on the field at `index` alone, given the facts about the fields before it. It looks through the whole network;
/// where every field is asked about, [`judge_each`] does so once.
///
/// # Panics
/// When there is no such field.
#[must_use]
pub const fn judge<'a>(net: &Net<'a>, facts: &[Fact], index: usize) -> Verdict<'a> {
    of_field(net, Survey::of(net), facts, index, net.is_read(index))
}

const fn of_field<'a>(
    net: &Net<'a>,
    survey: Survey,
    facts: &[Fact],
    index: usize,
    is_read: bool,
) -> Verdict<'a> {
    let field = net.fields[index];
    let layer = field.layer.properties();
    let mut asked = Asked { net, survey, facts, index, field, layer, gives: Fact::UNKNOWN, is_read };
    if !net.is_wired(index) {
        let mut verdict = Verdict::UNKNOWN;
        if let Some(issue) = rules::wiring::check(&asked) {
            verdict.issues[Law::Wiring.index()] = Some(Issue::Wiring(issue));
        }
        return verdict;
    }
    asked.gives = field.layer.fact(&asked.operands());
    match layer.gives {
        Gives::Rounded { scale_from, .. } => asked.gives.form = scale(&asked, scale_from),
        // All bits have the same step.
        Gives::Encoded { .. } => {
            asked.gives.form = Known::Now(Form::Quantized { scale: net.first_encoder(index) });
        }
        Gives::Levels | Gives::Normalized | Gives::Sums | Gives::Plain | Gives::Unknown => {}
    }
    Verdict {
        fact: Fact { shape: admitted(asked.gives.shape), ..asked.gives },
        issues: rules::issues(&asked),
    }
}

/// The form of the levels that a field rounds to.
const fn scale(asked: &Asked<'_, '_>, from: Option<Source>) -> Known<Form> {
    match from {
        None => Known::Now(Form::Quantized { scale: asked.index }),
        Some(Source::Field(owner)) => asked.facts[owner].levels(),
        Some(Source::Input | Source::Broken) => Known::Later,
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{
        Add, Axes, Bias, Conv, Field, Layer, Linear, Padding, Pool, Quantizer, Reshape, Scale, Shape, Sides,
        Transfer, Transpose, WeightRange, WeightScale, Window,
        limits::{DILATION, DIMENSION, KERNEL, Limit, MAX_ELEMENTS, PADDING, STRIDE},
    };

    fn legal(limit: Limit) -> impl Strategy<Value = Known<i64>> {
        let number = prop_oneof![
            2 => Just(limit.most),
            2 => limit.least..=limit.least + 2,
            1 => limit.least..=limit.most,
        ];
        number.prop_map(Known::Now)
    }

    fn shape() -> impl Strategy<Value = Shape> {
        vec(legal(DIMENSION), 1..5).prop_map(|dims| Shape::new(&dims))
    }

    fn padding() -> impl Strategy<Value = Padding> {
        prop_oneof![
            legal(PADDING).prop_map(Padding::Equal),
            vec(legal(PADDING), 4).prop_map(|sides| Padding::Sides(Sides::new(&sides))),
            Just(Padding::Same),
        ]
    }

    fn layer() -> impl Strategy<Value = Layer> {
        let numbers = (legal(DIMENSION), legal(DIMENSION), legal(DIMENSION), legal(KERNEL), legal(STRIDE));
        (0..9, numbers, (legal(DILATION), padding()), shape(), 1..3usize).prop_map(
            |(kind, (inputs, outputs, groups, kernel, stride), (dilation, padding), shape, axes)| {
                let acc_bits = None;
                let filters = Linear {
                    inputs,
                    outputs,
                    weight_bits: Known::Now(8),
                    weight_range: WeightRange::Full,
                    weight_scale: WeightScale::PerTensor,
                    max_nonzero: None,
                    max_l1: None,
                    acc_bits,
                    bias: Bias::Free,
                    tolerance: None,
                };
                let window = Window { axes, kernel, stride, dilation, padding };
                match kind {
                    0 => Layer::Linear(filters),
                    1 => Layer::Conv(Conv { filters, window, groups }),
                    2 => Layer::Pool(Pool { window: Some(Window { axes: 2, ..window }), acc_bits }),
                    3 => Layer::Pool(Pool { window: None, acc_bits }),
                    4 => Layer::Add(Add { acc_bits }),
                    5 => Layer::Concat,
                    6 => Layer::Reshape(Reshape { shape }),
                    7 => Layer::Transpose(Transpose { axes: Axes::new(&[Known::Now(1), Known::Now(0)]) }),
                    _ => Layer::Flatten,
                }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Every product and sum of legal numbers is exact, or a law refuses it first: tests check for overflow.
        #[test]
        fn the_largest_numbers_are_judged(input in shape(), layers in vec(layer(), 1..8)) {
            let quantizer = Layer::Quantizer(Quantizer {
                transfer: Transfer::Unsigned,
                bits: Known::Now(8),
                scale: Scale::Learned,
                tolerance: None,
            });
            let layers: Vec<_> = layers.into_iter().flat_map(|layer| [quantizer, layer]).collect();
            let wires: Vec<Vec<_>> = layers
                .iter()
                .enumerate()
                .map(|(index, layer)| {
                    let from = index.checked_sub(1).map_or(Source::Input, Source::Field);
                    vec![from; if layer.is_joint() { 3 } else { 1 }]
                })
                .collect();
            let fields: Vec<_> = layers
                .iter()
                .zip(&wires)
                .map(|(layer, from)| Field { name: "f", layer: *layer, from })
                .collect();
            let max_bootstraps = Some(Known::Now(0));
            let net = Net { name: "Net", input: Some(input), max_bootstraps, tolerance: None, fields: &fields };
            for verdict in judge_each(&net) {
                if let Known::Now(shape) = verdict.fact.shape {
                    prop_assert!(shape.elements().or(0) <= MAX_ELEMENTS, "{shape:?}");
                }
                for issue in verdict.issues() {
                    prop_assert!(!issue.render().as_str().is_empty());
                }
            }
        }
    }
}
