//! The laws, asked with what the macro can read: `fheqat_spec` decides, this module finds the tokens to blame.

use fheqat_spec::{Fact, Issue, Known, Law, Net, Shape, Verdict, judge};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;

use crate::{
    diag::{Ctxt, Message},
    model::{self, Field, Layer, Model},
};

/// What the macro could decide.
pub(crate) struct Checked {
    /// What is known about each field's output.
    pub(crate) facts: Vec<Fact>,
    /// The laws that each field was found to break.
    pub(crate) broken: Vec<Vec<Law>>,
    /// The tolerance of each field, in steps.
    pub(crate) tolerances: Vec<Known<f64>>,
}

/// Reports every law that a field breaks.
pub(crate) fn run(ctxt: &Ctxt, model: &Model) -> Checked {
    check_names(ctxt, model);
    check_laws(ctxt, model)
}

fn check_names(ctxt: &Ctxt, model: &Model) {
    for field in model.fields.iter().filter(|field| field.name == "input") {
        let message = Message::new("a field cannot be called `input`, which is the network's own input");
        ctxt.error(&field.ident, message.help("call it `quant_inp`"));
    }
}

fn check_laws(ctxt: &Ctxt, model: &Model) -> Checked {
    let fields: Vec<_> = model.fields.iter().map(known).collect();
    let input = model.input.as_ref().map(|dims| Shape::new(&model::known(dims)));
    let max_bootstraps = model.max_bootstraps.as_ref().map(|most| most.amount.known);
    let tolerance = model.tolerance.as_ref().map(|steps| steps.known);
    let net = Net { name: &model.name, input, max_bootstraps, tolerance, fields: &fields };
    let mut verdicts: Vec<Verdict<'_>> = Vec::new();
    for (index, field) in model.fields.iter().enumerate() {
        verdicts.push(match field.layer {
            Some(_) => judge(&net, &verdicts, index),
            None => Verdict::UNKNOWN,
        });
    }
    let last_miswired =
        (0..fields.len()).rev().find(|&index| is_miswired(&model.fields[index], &verdicts[index]));
    for (index, field) in model.fields.iter().enumerate() {
        for (law, issue) in verdicts[index].issues() {
            // A wire that is wrong anyway may have meant this field.
            if matches!(issue, Issue::Unread { .. }) && last_miswired.is_some_and(|reader| reader > index) {
                continue;
            }
            if model.has_refused_input && matches!(issue, Issue::NoInputShape { .. }) {
                continue;
            }
            ctxt.error(blame(model, field, law, issue), issue);
        }
    }
    Checked {
        tolerances: (0..fields.len()).map(|index| net.tolerance_of(index)).collect(),
        facts: verdicts.iter().map(|verdict| verdict.fact).collect(),
        broken: verdicts.iter().map(|verdict| verdict.issues().map(|(law, _)| law).collect()).collect(),
    }
}

fn is_miswired(field: &Field, verdict: &Verdict<'_>) -> bool {
    !field.blame.from.is_empty()
        && [Law::Input, Law::Quantized].iter().any(|law| verdict.issue(*law).is_some())
}

/// The field as a law sees it.
fn known(field: &Field) -> fheqat_spec::Field<'_> {
    let layer = field.layer.as_ref().map_or_else(|| Layer::refused().known(), Layer::known);
    fheqat_spec::Field { name: &field.name, layer, from: &field.from }
}

fn blame(model: &Model, field: &Field, law: Law, issue: &Issue<'_>) -> TokenStream {
    if let (Law::Bootstraps, Some(most)) = (law, &model.max_bootstraps) {
        return most.tokens.clone();
    }
    if let (Law::Tolerance, Some(key)) = (law, &field.blame.tolerance) {
        return key.clone();
    }
    let operand = match *issue {
        Issue::PlainInput { .. } => Some("input"),
        Issue::RawOperand { producer, .. } | Issue::Shapes { producer, .. } => Some(producer),
        _ => None,
    };
    let is_operand = |name: &&Ident| operand.is_some_and(|operand| name.unraw() == operand);
    match (issue, field.blame.from.iter().find(is_operand)) {
        (Issue::Operands { .. }, _) if !field.blame.from.is_empty() => {
            let names = &field.blame.from;
            quote!(#(#names)*)
        }
        (_, Some(name)) => name.to_token_stream(),
        _ if law == Law::Wiring => field.ident.to_token_stream(),
        _ => field.blame.ty.clone(),
    }
}
