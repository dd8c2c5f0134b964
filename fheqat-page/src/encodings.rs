//! How the client makes levels of features: thresholds, steps and categories.

use fheqat_runtime::{
    circuit::Codec,
    data::{Feature as Described, FeatureKind},
    quant::{ChannelCode, ClientLayer, Code, Encoder, Quantizer, Standardization, Transform},
};
use plotters::element::Rectangle;

use crate::{
    PageError,
    colours::Role,
    figure::{Figure, UNIT, filled},
    text,
};

/// Features that are looked at, and lines that are listed, at most.
const LOOKED_AT: usize = 1 << 12;
const MOST: usize = 64;
/// Thresholds or categories that are listed of a feature at most.
const LISTED: usize = 40;
/// Boundaries between levels that are drawn at most.
const BOUNDARIES: i64 = 1 << 10;

/// A feature and its levels.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) levels: String,
    /// Where levels change, as text.
    pub(crate) values: String,
    /// The same drawn, between the least and the largest.
    pub(crate) strip: Option<Figure>,
}

/// What is said of a feature, before features beside each other that have the same levels become one line.
#[derive(Clone, Debug, PartialEq)]
struct Feature {
    kind: &'static str,
    levels: String,
    values: String,
    /// Values at which a level changes.
    marks: Vec<f64>,
}

/// One encoder of the client.
#[derive(Debug)]
pub(crate) struct Encoding {
    pub(crate) about: String,
    pub(crate) layers: Vec<String>,
    pub(crate) rows: Vec<Row>,
    pub(crate) left_out: usize,
}

/// What the client does with all features.
pub(crate) fn of(codec: &Codec) -> Result<Vec<Encoding>, PageError> {
    codec.encoders.iter().enumerate().map(|(index, encoder)| encoding(codec, index, encoder)).collect()
}

fn encoding(codec: &Codec, index: usize, encoder: &Encoder) -> Result<Encoding, PageError> {
    let mut rows = Vec::new();
    let (mut all, mut shown) = (0, 0);
    // Behind layers or whitening, numbers are not features.
    let are_features = encoder.layers.is_empty() && !matches!(encoder.transform, Transform::Whiten(_));
    if are_features {
        let channels = match &encoder.code {
            Code::Round(_) => codec.described.len(),
            Code::Thermometer(code) => code.channels().len(),
        };
        all = channels;
        let looked_at: Vec<usize> = (0..channels.min(LOOKED_AT)).collect();
        let features: Vec<Feature> =
            looked_at.iter().map(|&channel| feature(codec, encoder, channel, channels)).collect();
        for alike in looked_at.chunk_by(|&a, &b| features[a] == features[b]).take(MOST) {
            let (first, last) = (alike[0], alike[alike.len() - 1]);
            let called = |channel: usize| name(&codec.described, channel, channels);
            let name = match alike.len() {
                1 => called(first),
                count => format!("{} to {}, {} alike", called(first), called(last), text::length(count)),
            };
            let Feature { kind, levels, values, marks } = &features[first];
            let (levels, values) = (levels.clone(), values.clone());
            rows.push(Row { name, kind, levels, values, strip: strip(marks)? });
            shown += alike.len();
        }
    }
    Ok(Encoding {
        about: codec.encoding(index).map_or_else(String::new, |encoding| {
            let text = encoding.to_string();
            let mut letters = text.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        }),
        layers: encoder.layers.iter().map(layer).collect(),
        left_out: all - shown,
        rows,
    })
}

fn layer(layer: &ClientLayer) -> String {
    let kind = match layer {
        ClientLayer::Dense(_) => "Linear",
        ClientLayer::Filters(_) => "convolution",
        ClientLayer::Affine(_) => "BatchNorm",
        ClientLayer::Rectify => "ReLU",
        ClientLayer::Same => "Reshape",
    };
    match layer.parameters() {
        0 => kind.to_owned(),
        parameters => format!("{kind}, {}", text::many(parameters, "parameter")),
    }
}

/// What a feature, or a channel of several, is called.
fn name(described: &[Described], channel: usize, channels: usize) -> String {
    match described.get(channel) {
        Some(feature) if channels == described.len() && feature.name != channel.to_string() => {
            feature.name.clone()
        }
        Some(_) if channels == described.len() => format!("feature {channel}"),
        _ => format!("channel {channel}"),
    }
}

fn feature(codec: &Codec, encoder: &Encoder, channel: usize, channels: usize) -> Feature {
    let standardization = match &encoder.transform {
        Transform::Standardize(standardization) => Some(standardization),
        Transform::AsIs | Transform::Whiten(_) => None,
    };
    let in_units = |value: f64| {
        standardization.filter(|_| channels == codec.features).map_or(value, |by| units(by, channel, value))
    };
    match &encoder.code {
        Code::Round(quantizer) => rounded(*quantizer, in_units),
        Code::Thermometer(code) => match &code.channels()[channel] {
            ChannelCode::Quantity { thresholds, missing } => {
                let used = thresholds.iter().filter(|threshold| **threshold < f32::MAX);
                let values: Vec<f64> = used.map(|threshold| in_units(f64::from(*threshold))).collect();
                let missing = if *missing { ", and a bit where it is missing" } else { "" };
                Feature {
                    kind: "number",
                    levels: format!("{}{missing}", text::many(values.len(), "bit")),
                    values: listed(values.iter().map(|value| text::number(*value))),
                    marks: values,
                }
            }
            ChannelCode::Category { bits, others, missing } => {
                category(codec.described.get(channel), bits, others.is_some(), *missing)
            }
        },
    }
}

fn rounded(quantizer: Quantizer, in_units: impl Fn(f64) -> f64) -> Feature {
    let Quantizer { step, levels } = quantizer;
    let boundary = |level: i64| in_units(f64::from(step) * (level as f64 + 0.5));
    let drawn = if levels.hi.saturating_sub(levels.lo) <= BOUNDARIES { levels.lo..levels.hi } else { 0..0 };
    let values: Vec<f64> = drawn.map(boundary).collect();
    let width = (in_units(f64::from(step)) - in_units(0.0)).abs();
    Feature {
        kind: "number",
        levels: format!("levels {}, steps of {}", text::range(levels), text::number(width)),
        values: listed(values.iter().map(|value| text::number(*value))),
        marks: values,
    }
}

fn category(
    described: Option<&Described>,
    bits: &[Option<u16>],
    has_others: bool,
    has_missing: bool,
) -> Feature {
    let names: &[String] = match described.map(|feature| &feature.kind) {
        Some(FeatureKind::Category { names }) => names,
        Some(FeatureKind::Number) | None => &[],
    };
    let own = bits.iter().flatten().count();
    let mut levels = text::many(own, "bit");
    if has_others {
        levels += ", and one for all others";
    }
    if has_missing {
        levels += ", and one where it is missing";
    }
    let with_bits = bits.iter().enumerate().filter(|(_, bit)| bit.is_some());
    let called = with_bits.map(|(index, _)| names.get(index).map_or_else(|| index.to_string(), Clone::clone));
    Feature { kind: "category", levels, values: listed(called), marks: Vec::new() }
}

/// A standardised number in the units of its feature.
fn units(by: &Standardization, feature: usize, value: f64) -> f64 {
    let of = |numbers: &[f32]| numbers.get(feature).copied().map_or(f64::NAN, f64::from);
    value * of(by.deviation()) + of(by.mean())
}

fn listed(values: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = values.map(|value| text::short(&value, 60)).collect();
    let more = all.len().saturating_sub(LISTED);
    let listed = all[..all.len() - more].join(", ");
    if more > 0 { format!("{listed}, and {more} more") } else { listed }
}

/// A line with a mark at each value.
fn strip(values: &[f64]) -> Result<Option<Figure>, PageError> {
    const WIDTH: i32 = 200;
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = finite()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if !(high - low).is_finite() || high <= low {
        return Ok(None);
    }
    let mut places: Vec<i32> = finite()
        .map(|value| 3 * UNIT + ((value - low) / (high - low) * f64::from((WIDTH - 6) * UNIT)) as i32)
        .collect();
    places.sort_unstable();
    places.dedup();
    let description = format!("From {} to {}", text::number(low), text::number(high));
    let figure = Figure::new("Where levels change", description, (WIDTH as u32, 22), |area| {
        let line = [(0, 11 * UNIT - 2), (WIDTH * UNIT, 11 * UNIT + 2)];
        area.draw(&Rectangle::new(line, filled(Role::Soft, 1.0)))?;
        for place in &places {
            let mark = [(place - UNIT, 3 * UNIT), (place + UNIT / 2, 19 * UNIT)];
            area.draw(&Rectangle::new(mark, filled(Role::Accent, 1.0)))?;
        }
        Ok(())
    })?;
    Ok(Some(figure))
}
