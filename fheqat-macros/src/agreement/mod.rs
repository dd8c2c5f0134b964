//! The macro's verdict on a network is the verdict that const evaluation and the runtime reach on its `SPEC`.

mod compiled;
mod emitted;
mod sketch;

use std::collections::BTreeSet;

use fheqat_spec::{
    Field, Issue, Known, Law, Layer, Net, Verdict, judge, judge_each,
    rules::{TooMany, bootstraps},
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::{checks, diag::Ctxt, expand, model::Model, parse};
use emitted::Emitted;
use sketch::{Expected, KINDS, ReadBy, Sketch, Spelling, drawn, expected, sketches, tokens};

/// What the macro says.
fn reported(sketch: &Sketch, spelling: Spelling) -> BTreeSet<String> {
    let (args, item) = tokens(sketch, spelling);
    let ctxt = Ctxt::new();
    if let Some(ast) = parse::ast(&ctxt, args, &item) {
        let model = Model::resolve(&ctxt, &ast);
        checks::run(&ctxt, &model);
    }
    ctxt.check().err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

fn emitted(sketch: &Sketch, spelling: Spelling) -> Emitted {
    let (args, item) = tokens(sketch, spelling);
    Emitted::read(expand::quant_net(args, &item))
}

/// How many bootstraps a network needs at most, where every shape is known.
fn most_bootstraps(net: &Net<'static>) -> Option<i64> {
    let verdicts = judge_each(net);
    let each =
        verdicts.iter().enumerate().map(|(index, verdict)| bootstraps(net, index, &verdict.fact).get());
    each.sum()
}

/// A field that gives so many channels.
fn narrowed(field: &Field<'static>, outputs: i64) -> Field<'static> {
    let mut narrowed = *field;
    match &mut narrowed.layer {
        Layer::Linear(linear) => linear.outputs = Known::Now(outputs),
        Layer::Conv(conv) => conv.filters.outputs = Known::Now(outputs),
        other => panic!("a `{}` has no channels of its own", other.kind()),
    }
    narrowed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn fields_are_judged_alike_one_by_one(sketch in sketches()) {
        let net = drawn(&sketch, ReadBy::ConstEvaluation).net;
        let mut facts = Vec::new();
        for (index, together) in judge_each(&net).iter().enumerate() {
            let alone = judge(&net, &facts, index);
            prop_assert_eq!(alone.fact, together.fact);
            prop_assert!(alone.issues().eq(together.issues()));
            facts.push(alone.fact);
        }
    }

    #[test]
    fn the_macro_says_what_the_laws_say(sketch in sketches()) {
        for spelling in [Spelling::Literals, Spelling::Constants] {
            let reported = reported(&sketch, spelling);
            let expected = expected(&drawn(&sketch, ReadBy::Macro(spelling)));
            for message in &reported {
                prop_assert!(expected.iter().any(|known| known.message == *message), "{message}");
            }
            // A wire that is refused may leave a field unread; that is not reported as a second defect.
            for Expected { law, message, .. } in &expected {
                prop_assert!(*law == Some(Law::Wiring) || reported.contains(message), "{message}");
            }
            prop_assert_eq!(reported.is_empty(), expected.is_empty());
            // Of numeric laws, only how many dimensions there are is known without numbers.
            if spelling == Spelling::Constants {
                prop_assert!(expected.iter().all(|known| known.is_structural));
            }
        }
    }

    #[test]
    fn const_evaluation_says_what_the_laws_say(sketch in sketches()) {
        let seen = drawn(&sketch, ReadBy::ConstEvaluation);
        let by_macro = expected(&drawn(&sketch, ReadBy::Macro(Spelling::Constants)));
        let by_laws: BTreeSet<_> = expected(&seen)
            .into_iter()
            .filter(|known| known.law.is_none_or(Law::is_numeric))
            .filter(|known| {
                let is_known = |found: &Expected| (found.field, found.law) == (known.field, known.law);
                known.law.is_none() || !by_macro.iter().any(is_known)
            })
            .map(|known| known.message)
            .collect();
        let emitted = emitted(&sketch, Spelling::Constants);
        prop_assert_eq!(emitted.net(), seen.net);
        prop_assert_eq!(emitted.messages(), by_laws);
    }

    #[test]
    fn literals_and_constants_are_refused_alike(sketch in sketches()) {
        let literals = reported(&sketch, Spelling::Literals);
        let of_literals = emitted(&sketch, Spelling::Literals);
        let refused = !literals.is_empty() || !of_literals.messages().is_empty();
        let constants = emitted(&sketch, Spelling::Constants);
        let by_constants = !reported(&sketch, Spelling::Constants).is_empty() || !constants.messages().is_empty();
        prop_assert_eq!(refused, by_constants);
        // What a program that compiles hands to the runtime is what its user meant, and breaks no law there.
        if !refused {
            prop_assert_eq!(of_literals.net(), constants.net());
            let issues = judge_each(&constants.net()).iter().flat_map(Verdict::issues).count();
            prop_assert_eq!(issues, 0);
            prop_assert!(constants.net().input_shape().get().is_some());
        }
    }

    #[test]
    fn fewer_neurons_or_filters_are_few_enough(sketch in sketches(), share in 0..100i64) {
        let net = drawn(&sketch, ReadBy::ConstEvaluation).net;
        let most = Known::Now(most_bootstraps(&net).unwrap_or(0) * share / 100);
        let net = Net { max_bootstraps: Some(most), ..net };
        let verdicts = judge_each(&net);
        if let Some(Issue::Bootstraps(TooMany { fewer: Some(fewer), .. })) =
            verdicts.last().and_then(|verdict| verdict.issue(Law::Bootstraps))
        {
            let fields: Vec<_> = net
                .fields
                .iter()
                .map(|field| if field.name == fewer.field { narrowed(field, fewer.most) } else { *field })
                .collect();
            let narrowed = Net { fields: fields.leak(), ..net };
            // Where shapes no longer fit, nothing is known of what follows.
            if let Some(needs) = most_bootstraps(&narrowed) {
                prop_assert!(needs <= most.or(0), "{needs} by {fewer:?}, but {most:?}");
            }
        }
    }

    #[test]
    fn as_many_bootstraps_as_are_needed_are_allowed(sketch in sketches()) {
        let net = drawn(&sketch, ReadBy::ConstEvaluation).net;
        let with = |most| {
            let net = Net { max_bootstraps: Some(Known::Now(most)), ..net };
            judge_each(&net).last().and_then(|verdict| verdict.issue(Law::Bootstraps).copied())
        };
        if let Some(Issue::Bootstraps(TooMany { needs, .. })) = with(-1) {
            prop_assert_eq!(with(needs), None);
            prop_assert!(needs == 0 || with(needs - 1).is_some());
        }
    }
}

#[test]
fn sketches_are_accepted_and_refused() {
    let mut runner = TestRunner::deterministic();
    let (mut accepted, mut refused, mut of_kind) = (0, 0, [0; KINDS as usize]);
    for _ in 0..20_000 {
        let sketch = sketches().new_tree(&mut runner).map(|tree| tree.current());
        let Ok(sketch) = sketch else { continue };
        if reported(&sketch, Spelling::Literals).is_empty() {
            accepted += 1;
            sketch.layers.iter().for_each(|layer| of_kind[usize::from(layer.kind)] += 1);
        } else {
            refused += 1;
        }
    }
    assert!(accepted > 20 && refused > 20, "{accepted} accepted, {refused} refused");
    assert!(of_kind.iter().all(|&count| count > 0), "layers of accepted networks: {of_kind:?}");
}
