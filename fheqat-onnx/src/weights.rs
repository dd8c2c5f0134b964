//! What was imported as a file of tensors that `Network::load` reads.

use std::collections::BTreeMap;

use fheqat_runtime::spec::{Bias, Conv, Known, Layer, Range, Scale, Source, Window};
use serde_json::{Map, Value, json};

use crate::{
    plan::{Learned, Planned, Standardization},
    sliding, source,
};

/// A file of safetensors with notes, in the order of names.
pub(crate) fn file(fields: &[Planned]) -> Vec<u8> {
    let mut writer = Writer::default();
    for (index, field) in fields.iter().enumerate() {
        writer.field = &field.name;
        write(&mut writer, fields, index);
    }
    writer.finish()
}

#[derive(Default)]
struct Writer<'a> {
    field: &'a str,
    tensors: Map<String, Value>,
    notes: BTreeMap<String, String>,
    data: Vec<u8>,
}

impl Writer<'_> {
    fn tensor(&mut self, part: &str, shape: &[usize], values: impl IntoIterator<Item = f32>) {
        let start = self.data.len();
        self.data.extend(values.into_iter().flat_map(f32::to_le_bytes));
        let place = json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, self.data.len()] });
        self.tensors.insert(format!("{}.{part}", self.field), place);
    }

    fn note(&mut self, part: &str, value: String) {
        self.notes.insert(format!("{}.{part}", self.field), value);
    }

    fn finish(mut self) -> Vec<u8> {
        const ALIGNMENT: usize = 8;
        self.tensors.insert("__metadata__".to_owned(), json!(self.notes));
        let mut header = Value::Object(self.tensors).to_string().into_bytes();
        header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
        [&(header.len() as u64).to_le_bytes()[..], &header, &self.data].concat()
    }
}

fn noted(range: Range) -> String {
    format!("{}..={}", range.lo, range.hi)
}

/// The zeros that a window has around what it reads, in numbers.
fn padding(fields: &[Planned], index: usize, window: &Window) -> String {
    let over = match fields[index].from.first() {
        Some(&Source::Field(from)) => fields[from].shape.get(1..).unwrap_or_default(),
        _ => &[],
    };
    source::padding(&sliding::padding(&sliding::sides(window, over)))
}

fn write(to: &mut Writer<'_>, fields: &[Planned], index: usize) {
    let field = &fields[index];
    match (&field.learned, &field.layer) {
        (Learned::Weights { integers, scales, bias }, layer) => {
            let (Layer::Linear(row) | Layer::Conv(Conv { filters: row, .. })) = layer else {
                return;
            };
            let columns = field.fan_in().unwrap_or(1).max(1);
            let rows = integers.len() / columns;
            to.tensor("weight", &[rows, columns], integers.iter().map(|&integer| integer as f32));
            let bias = bias.clone().unwrap_or_else(|| vec![0.0; rows]);
            to.tensor("bias", &[rows], bias);
            to.tensor("scale", &[scales.len()], scales.iter().copied());
            to.note("range", row.weights().get().map(noted).unwrap_or_default());
            to.note("max_nonzero", columns.to_string());
            to.note("bias", if row.bias == Bias::None { "none" } else { "free" }.to_owned());
            if let Some(budget) = row.max_l1.and_then(Known::get) {
                to.note("max_l1", budget.to_string());
            }
            if let Layer::Conv(conv) = layer {
                to.note("stride", conv.window.stride.or(1).to_string());
                to.note("padding", padding(fields, index, &conv.window));
                to.note("groups", conv.groups.or(1).to_string());
                if conv.window.dilation.or(1) > 1 {
                    to.note("dilation", conv.window.dilation.or(1).to_string());
                }
            }
        }
        (Learned::Norm { gamma, beta, mean, variance }, _) => {
            for (part, values) in
                [("weight", gamma), ("bias", beta), ("running_mean", mean), ("running_var", variance)]
            {
                to.tensor(part, &[values.len()], values.iter().copied());
            }
        }
        (Learned::Step { step, levels, standardization }, Layer::Quantizer(quantizer)) => {
            let owner = if let Scale::From(Source::Field(owner)) = quantizer.scale {
                &fields[owner].name
            } else {
                to.tensor("step", &[1], [*step]);
                &field.name
            };
            to.note("scale", owner.clone());
            let declared = quantizer.levels().or(*levels);
            to.note("range", noted(declared));
            if declared != *levels {
                to.tensor("levels", &[2], [levels.lo as f32, levels.hi as f32]);
            }
            to.note(
                "function",
                match field.curve {
                    None => "identity".to_owned(),
                    Some(curve) => curve.name().unwrap_or_else(|| "relu".to_owned()),
                },
            );
            if field.from == [Source::Input] {
                to.note("encoder", "QuantIdentity".to_owned());
                let transform = match standardization {
                    None => "none",
                    Some(Standardization { mean, deviation }) => {
                        for (part, values) in [("mean", mean), ("deviation", deviation)] {
                            to.tensor(part, &[values.len()], values.iter().copied());
                        }
                        "standardize"
                    }
                };
                to.note("transform", transform.to_owned());
            }
        }
        (Learned::Nothing | Learned::Step { .. }, _) => {}
    }
}
