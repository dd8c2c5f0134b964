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
    if let Gives::Rounded { scale_from, .. } = layer.gives {
        asked.gives.form = scale(&asked, scale_from);
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
