//! The laws themselves, a file each: from a field and the facts about what it reads, to a fact about what it gives.

mod bootstraps;
mod input;
mod joint;
mod layers;
mod overflow;
mod quantized;
mod scale;
mod shape;
mod tolerance;
mod wiring;

pub use self::bootstraps::bootstraps;
use self::{
    bootstraps::too_many_bootstraps,
    joint::{add, concat},
    layers::{convolve, flatten, multiply, normalize, quantize, reshape, sum_windows, transpose},
    tolerance::misplaced_tolerance,
    wiring::{operands, unread},
};
use crate::{Fact, Issue, Law, Layer, Net};

/// What is known about a field's output, and each law the field breaks.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    /// The output.
    pub fact: Fact,
    issues: [Option<Issue<'a>>; Law::ALL.len()],
}

impl<'a> Verdict<'a> {
    /// The verdict on a field that was refused before any law could be asked.
    pub const UNKNOWN: Self = Self::new(Fact::UNKNOWN);

    const fn new(fact: Fact) -> Self {
        Self { fact, issues: [None; Law::ALL.len()] }
    }

    const fn add(mut self, law: Law, issue: Option<Issue<'a>>) -> Self {
        self.issues[law.index()] = issue;
        self
    }

    /// How the field breaks `law`, if it does.
    #[must_use]
    pub const fn issue(&self, law: Law) -> Option<&Issue<'a>> {
        self.issues[law.index()].as_ref()
    }

    /// How the field breaks the laws, in their order.
    pub fn issues(&self) -> impl Iterator<Item = (Law, &Issue<'a>)> {
        Law::ALL.into_iter().filter_map(|law| Some((law, self.issue(law)?)))
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

/// The verdict on every field. `N` is the number of fields.
///
/// # Panics
/// When `N` is not the number of fields.
#[must_use]
pub const fn judge_all<'a, const N: usize>(net: &Net<'a>) -> [Verdict<'a>; N] {
    assert!(net.fields.len() == N, "one verdict a field");
    let mut verdicts = [Verdict::UNKNOWN; N];
    let mut index = 0;
    while index < N {
        verdicts[index] = judge(net, &verdicts, index);
        index += 1;
    }
    verdicts
}

/// The verdict on the field at `index`, given the verdicts on the fields before it.
///
/// # Panics
/// When there is no such field.
#[must_use]
pub const fn judge<'a>(net: &Net<'a>, before: &[Verdict<'a>], index: usize) -> Verdict<'a> {
    let field = net.fields[index];
    if !net.is_wired(index) {
        return Verdict::UNKNOWN.add(Law::Wiring, Some(operands(net, index)));
    }
    let verdict = match field.layer {
        Layer::Quantizer(quantizer) => quantize(net, before, index, &quantizer),
        Layer::Linear(linear) => multiply(net, before, index, &linear),
        Layer::Add { acc_bits } => add(net, before, index, acc_bits),
        Layer::Concat => concat(net, before, index),
        Layer::Reshape(shape) => reshape(net, before, index, &shape),
        Layer::Transpose(axes) => transpose(net, before, index, &axes),
        Layer::Conv(conv) => convolve(net, before, index, &conv),
        Layer::Pool(pool) => sum_windows(net, before, index, &pool),
        Layer::Flatten => flatten(net, before, index),
        Layer::BatchNorm => normalize(net, before, index),
    };
    let bootstraps = too_many_bootstraps(net, before, index, &verdict.fact);
    verdict
        .add(Law::Wiring, unread(net, index))
        .add(Law::Bootstraps, bootstraps)
        .add(Law::Tolerance, misplaced_tolerance(net, index))
}
