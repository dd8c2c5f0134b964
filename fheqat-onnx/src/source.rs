//! What was imported as Rust source.

use std::fmt::Write;

use fheqat_runtime::spec::{
    Bias, Conv, Known, Layer, Linear, Padding, Scale, Source, Transfer, WeightRange, WeightScale, Window,
};

use crate::plan::{Curve, Learned, Planned};

/// The struct with its attribute.
pub(crate) fn of(name: &str, input: Option<&[usize]>, fields: &[Planned]) -> String {
    let (weights, levels) =
        (usual(fields.iter().filter_map(weight_bits)), usual(fields.iter().filter_map(level_bits)));
    let mut options = match (weights, levels) {
        (Some(weights), Some(levels)) if weights == levels && weights >= 2 => {
            vec![format!("bits = {weights}")]
        }
        (weights, levels) => {
            // Both have to be known, whatever is there.
            let (weights, levels) = (weights.unwrap_or(2), levels.unwrap_or(2));
            vec![format!("weight_bits = {weights}"), format!("act_bits = {levels}")]
        }
    };
    options.extend(input.map(|shape| format!("input = {shape:?}")));
    let mut text = format!("#[quant_net({})]\nstruct {name} {{\n", options.join(", "));
    for (index, field) in fields.iter().enumerate() {
        let options = self::options(fields, index, (weights, levels));
        // Writing to a string does not fail.
        if !options.is_empty() {
            let _ = writeln!(text, "    #[layer({})]", options.join(", "));
        }
        let _ = writeln!(text, "    {}: {},", field.name, kind(field));
    }
    text + "}\n"
}

/// The most frequent width; of equally frequent ones the smallest.
fn usual(widths: impl Iterator<Item = i64>) -> Option<i64> {
    let mut counts = std::collections::BTreeMap::<i64, usize>::new();
    for width in widths {
        *counts.entry(width).or_default() += 1;
    }
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(width, _)| width)
}

fn rows(field: &Planned) -> Option<&Linear> {
    match &field.layer {
        Layer::Linear(row) | Layer::Conv(Conv { filters: row, .. }) => Some(row),
        _ => None,
    }
}

fn weight_bits(field: &Planned) -> Option<i64> {
    rows(field)?.weight_bits.get()
}

fn level_bits(field: &Planned) -> Option<i64> {
    match field.layer {
        Layer::Quantizer(quantizer) => quantizer.bits.get(),
        _ => None,
    }
}

/// Zeros around axes, as the option has them.
pub(crate) fn padding(padding: &Padding) -> String {
    match padding {
        Padding::Equal(padding) => text(*padding),
        Padding::Sides(sides) => {
            let sides: Vec<String> = sides.get().iter().map(|side| text(*side)).collect();
            format!("({})", sides.join(", "))
        }
        Padding::Same => "same".to_owned(),
    }
}

fn text(number: Known<i64>) -> String {
    number.get().map_or_else(|| "_".to_owned(), |number| number.to_string())
}

/// The type of a field.
fn kind(field: &Planned) -> String {
    let kind = field.layer.kind();
    match &field.layer {
        Layer::Linear(row) => format!("{kind}<{}, {}>", text(row.inputs), text(row.outputs)),
        Layer::Conv(Conv { filters: row, window, .. }) => {
            format!("{kind}<{}, {}, {}>", text(row.inputs), text(row.outputs), text(window.kernel))
        }
        Layer::Pool(pool) => match &pool.window {
            Some(window) => format!("{kind}<{}>", text(window.kernel)),
            None => kind.to_owned(),
        },
        Layer::MaxPool(pool) => format!("{kind}<{}>", text(pool.window.kernel)),
        Layer::Slice(slice) => format!("{kind}<{}, {}>", text(slice.start), text(slice.end)),
        Layer::Upsample(upsample) => format!("{kind}<{}>", text(upsample.factor)),
        Layer::Quantizer(_) => match field.curve.and_then(Curve::source) {
            Some(function) => format!("{kind}<{function}>"),
            None => kind.to_owned(),
        },
        _ => kind.to_owned(),
    }
}

/// The options of a field that are not as by default.
fn options(fields: &[Planned], index: usize, (weights, levels): (Option<i64>, Option<i64>)) -> Vec<String> {
    let field = &fields[index];
    let mut options = Vec::new();
    match &field.layer {
        Layer::Quantizer(quantizer) => {
            if quantizer.bits.get() != levels {
                options.push(format!("bits = {}", text(quantizer.bits)));
            }
            let default = field.curve.map(Curve::is_signed);
            match (quantizer.transfer, default) {
                (Transfer::Unsigned, _) => options.push("signed = false".to_owned()),
                (Transfer::Function { signed: Known::Now(signed) }, Some(default)) if signed != default => {
                    options.push(format!("signed = {signed}"));
                }
                _ => {}
            }
            if let Scale::From(Source::Field(owner)) = quantizer.scale {
                options.push(format!("scale_from = {}", fields[owner].name));
            }
        }
        Layer::Linear(row) => options.extend(of_rows(field, row, weights, index + 1 == fields.len())),
        Layer::Conv(conv) => {
            options.extend(of_rows(field, &conv.filters, weights, index + 1 == fields.len()));
            options.extend(of_window(&conv.window, Known::Now(1)));
            if conv.groups != Known::Now(1) {
                options.push(format!("groups = {}", text(conv.groups)));
            }
        }
        Layer::Pool(pool) => {
            options.extend(pool.window.iter().flat_map(|window| of_window(window, window.kernel)));
        }
        Layer::MaxPool(pool) => options.extend(of_window(&pool.window, pool.window.kernel)),
        Layer::Pad(pad) => options.push(format!("padding = {}", padding(&pad.padding))),
        Layer::Slice(slice) if slice.axis != Known::Now(0) => {
            options.push(format!("axis = {}", text(slice.axis)));
        }
        Layer::Reshape(reshape) => options.push(format!("shape = [{}]", list(reshape.shape.dims()))),
        Layer::Transpose(transpose) => options.push(format!("axes = [{}]", list(transpose.axes.get()))),
        _ => {}
    }
    options.extend(from(fields, index));
    options
}

fn of_rows(field: &Planned, row: &Linear, weights: Option<i64>, is_last: bool) -> Vec<String> {
    let mut options = Vec::new();
    if row.weight_bits.get() != weights {
        options.push(format!("weight_bits = {}", text(row.weight_bits)));
    }
    if row.weight_range == WeightRange::Full {
        options.push("narrow_range = false".to_owned());
    }
    if row.weight_scale == WeightScale::PerChannel {
        options.push("per_channel".to_owned());
    }
    if let Some(budget) = row.max_l1 {
        options.push(format!("max_l1 = {}", text(budget)));
    }
    match (row.bias, &field.learned) {
        (Bias::Free, Learned::Weights { .. }) if is_last => {}
        (Bias::Free, _) => options.push("bias = free".to_owned()),
        _ => options.push("bias = none".to_owned()),
    }
    options
}

fn of_window(window: &Window, stride: Known<i64>) -> Vec<String> {
    let mut options = Vec::new();
    if window.stride != stride {
        options.push(format!("stride = {}", text(window.stride)));
    }
    if window.dilation != Known::Now(1) {
        options.push(format!("dilation = {}", text(window.dilation)));
    }
    if window.padding != Padding::NONE {
        options.push(format!("padding = {}", padding(&window.padding)));
    }
    options
}

fn list(numbers: &[Known<i64>]) -> String {
    numbers.iter().map(|&number| text(number)).collect::<Vec<_>>().join(", ")
}

/// What it reads, where that is not the field before it.
fn from(fields: &[Planned], index: usize) -> Option<String> {
    let field = &fields[index];
    let name = |source: &Source| match source {
        Source::Field(index) => fields[*index].name.clone(),
        Source::Input | Source::Broken => "input".to_owned(),
    };
    let before = index.checked_sub(1).map_or(Source::Input, Source::Field);
    match &field.from[..] {
        [one] if *one == before => None,
        [one] => Some(format!("from = {}", name(one))),
        several => Some(format!("from = [{}]", several.iter().map(name).collect::<Vec<_>>().join(", "))),
    }
}
