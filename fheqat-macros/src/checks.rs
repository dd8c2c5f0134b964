//! The laws, asked with what the macro can read: `fheqat_spec` decides, this module finds the tokens to blame.

use fheqat_spec::{Fact, Issue, Law, Layer, Net, Quantizer, Scale, Shape, Transfer, Verdict, judge};
use proc_macro2::TokenStream;
use quote::ToTokens;

use crate::{
    diag::{Ctxt, Message},
    model::{Field, Layer as LayerModel, Model},
};

/// Reports every law that a field breaks, and returns what is known about each field's output.
pub(crate) fn run(ctxt: &Ctxt, model: &Model) -> Vec<Fact> {
    check_names(ctxt, model);
    check_laws(ctxt, model)
}

fn check_names(ctxt: &Ctxt, model: &Model) {
    for (index, field) in model.fields.iter().enumerate() {
        let name = &field.name;
        if name == "input" {
            let message = Message::new("a field cannot be called `input`, which is the network's own input");
            ctxt.error(&field.ident, message.help("call it `quant_inp`"));
        }
        if model.fields[..index].iter().any(|earlier| earlier.name == *name) {
            ctxt.error(&field.ident, Message::new(format!("two fields are called `{name}`")));
        }
    }
}

fn check_laws(ctxt: &Ctxt, model: &Model) -> Vec<Fact> {
    let fields: Vec<_> = model.fields.iter().map(known).collect();
    let input = model.input.as_ref().map(|dims| {
        let dims: Vec<_> = dims.iter().map(|dim| dim.known).collect();
        Shape::new(&dims)
    });
    let net = Net { name: &model.name, input, fields: &fields };
    let mut verdicts: Vec<Verdict<'_>> = Vec::new();
    for (index, field) in model.fields.iter().enumerate() {
        let verdict = match field.layer {
            Some(_) => judge(&net, &verdicts, index),
            None => Verdict::UNKNOWN,
        };
        for (law, issue) in verdict.issues() {
            ctxt.error(blame(field, law), issue as &Issue<'_>);
        }
        verdicts.push(verdict);
    }
    verdicts.iter().map(|verdict| verdict.fact).collect()
}

/// The field as a law sees it. A layer that was refused is never judged; what stands for it here has no range.
fn known(field: &Field) -> fheqat_spec::Field<'_> {
    let nothing =
        Quantizer { transfer: Transfer::Signed, bits: fheqat_spec::Known::Later, scale: Scale::Learned };
    let layer = field.layer.as_ref().map_or(Layer::Quantizer(nothing), LayerModel::known);
    fheqat_spec::Field { name: &field.name, layer, from: &field.from }
}

fn blame(field: &Field, law: Law) -> TokenStream {
    match law {
        Law::Wiring => field.ident.to_token_stream(),
        Law::Input | Law::Quantized => field.blame.from.clone().unwrap_or_else(|| field.blame.ty.clone()),
        Law::Shape | Law::Overflow => field.blame.ty.clone(),
    }
}
