//! The laws, asked with what the macro can read: `fheqat_spec` decides, this module finds the tokens to blame.

use fheqat_spec::{Blame, Cause, Fact, Field, Issue, Known, Law, Net, judge_each};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;

use crate::{
    diag::{Ctxt, Message},
    model::{Layer, Member, Model, known},
};

/// What the macro could decide.
pub(crate) struct Checked {
    /// What is known about each field's output.
    pub(crate) facts: Vec<Fact>,
    /// The laws that each field was found to break.
    pub(crate) broken: Vec<Vec<Law>>,
    /// The tolerance of each field, in steps.
    pub(crate) tolerances: Vec<Known<f64>>,
    /// How many bootstraps each field takes at most.
    pub(crate) bootstraps: Vec<Known<i64>>,
}

/// Reports every law that a field breaks.
pub(crate) fn run(ctxt: &Ctxt, model: &Model) -> Checked {
    check_names(ctxt, model);
    check_laws(ctxt, model)
}

fn check_names(ctxt: &Ctxt, model: &Model) {
    for member in model.fields.iter().filter(|member| member.name == "input") {
        let message = Message::new("a field cannot be called `input`, which is the network's own input");
        ctxt.error(&member.ident, message.help("call it `quant_inp`"));
    }
}

fn check_laws(ctxt: &Ctxt, model: &Model) -> Checked {
    let fields: Vec<_> = model
        .fields
        .iter()
        .map(|member| Field { name: &member.name, layer: known(&member.layer), from: &member.from })
        .collect();
    let net = Net {
        name: &model.name,
        input: known(&model.input),
        max_bootstraps: model.max_bootstraps.as_ref().map(|most| most.known),
        tolerance: model.tolerance.as_ref().map(|steps| steps.known),
        fields: &fields,
    };
    let verdicts = judge_each(&net);
    let broken = |index: usize| {
        let is_refused = matches!(model.fields[index].layer, Layer::Unknown);
        verdicts[index].issues().filter(move |_| !is_refused)
    };
    let last_suspect = (0..fields.len()).rev().find(|&index| {
        !model.fields[index].blame.from.is_empty()
            && broken(index).any(|issue| issue.law().traits().suspects_wires)
    });
    for (index, member) in model.fields.iter().enumerate() {
        for issue in broken(index) {
            let is_excused = match issue.cause() {
                Cause::Itself => false,
                Cause::LaterWire => last_suspect.is_some_and(|reader| reader > index),
                Cause::Option(option) => model.has_refused(option),
            };
            if !is_excused {
                ctxt.error(blame(model, member, issue), issue);
            }
        }
    }
    Checked {
        tolerances: (0..fields.len()).map(|index| net.tolerance_of(index)).collect(),
        broken: (0..fields.len()).map(|index| broken(index).map(Issue::law).collect()).collect(),
        bootstraps: verdicts
            .iter()
            .enumerate()
            .map(|(index, verdict)| fheqat_spec::rules::bootstraps(&net, index, &verdict.fact))
            .collect(),
        facts: verdicts.iter().map(|verdict| verdict.fact).collect(),
    }
}

fn blame(model: &Model, member: &Member, issue: &Issue<'_>) -> TokenStream {
    let tokens = &member.blame;
    match issue.blame() {
        Blame::Field => member.ident.to_token_stream(),
        Blame::Operands if tokens.from.is_empty() => member.ident.to_token_stream(),
        Blame::Operands => {
            let names = &tokens.from;
            quote!(#(#names)*)
        }
        Blame::Operand(operand) => {
            let name = tokens.from.iter().find(|name| name.unraw() == operand);
            name.map_or_else(|| tokens.ty.clone(), ToTokens::to_token_stream)
        }
        Blame::Option(option) => {
            let found = member.option(option).or_else(|| model.option(option));
            found.unwrap_or(&tokens.ty).clone()
        }
        Blame::Layer => tokens.ty.clone(),
    }
}
