//! Keys, inputs and results: their sizes and parameters, and the tiles at the head of the page.

use fheqat_runtime::{
    fhe::{ClientHalf, ServerHalf, Sizes as OfClient},
    params::{Bytes, Decomposition, Parameters},
    report::{KeyParameters, Report},
};

use crate::text;

/// A number with its name, and what it says.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) note: String,
}

impl Named {
    pub(crate) fn new(name: impl Into<String>, value: impl Into<String>, note: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), note: note.into() }
    }
}

/// What is known of keys and messages.
#[derive(Debug)]
pub(crate) struct Sizes {
    pub(crate) sizes: Vec<Named>,
    pub(crate) parameters: Vec<Named>,
}

impl Sizes {
    pub(crate) fn of(
        report: Option<&Report>,
        client: Option<&ClientHalf>,
        server: Option<&ServerHalf>,
    ) -> Option<Self> {
        let mut sizes = Vec::new();
        let mut parameters = Vec::new();
        let size =
            |name: &str, Bytes(bytes): Bytes, note: &str| Named::new(name, Bytes(bytes).to_string(), note);
        let of_half = client.map(|half| half.plan().sizes());
        if let Some(report) = report {
            sizes.extend(messages(report.server_key_seeded, report.server_key, report.input, report.output));
            parameters = of_report(&report.parameters);
        } else if let Some(OfClient { evaluation_keys, expanded_keys, input, output, .. }) = of_half {
            sizes.extend(messages(evaluation_keys, expanded_keys, input, output));
        }
        if let Some(half) = server {
            sizes.push(size(
                "memory of a running sample",
                half.plan().memory(),
                "beside the keys, on the server",
            ));
        }
        if parameters.is_empty()
            && let Some(found) = client.map(ClientHalf::parameters).or(server.map(ServerHalf::parameters))
        {
            parameters = of_parameters(found);
        }
        if let Some(report) = report {
            let note = "on one core, as predicted";
            sizes.push(Named::new("one inference", text::seconds(report.core_seconds.0), note));
            sizes.push(Named::new("making keys", text::seconds(report.keygen_seconds.0), note));
        }
        (!sizes.is_empty() || !parameters.is_empty()).then_some(Self { sizes, parameters })
    }
}

fn messages(keys: Bytes, expanded: Bytes, input: Bytes, output: Bytes) -> Vec<Named> {
    [
        ("evaluation keys", keys, "the file that a client registers once"),
        ("evaluation keys, expanded", expanded, "in the memory of the server"),
        ("an encrypted sample", input, "the file that the client sends"),
        ("an encrypted result", output, "the file that comes back"),
    ]
    .map(|(name, size, note)| Named::new(name, size.to_string(), note))
    .into()
}

fn pair((base_log, levels): (usize, usize)) -> String {
    format!("2^{base_log} \u{d7} {levels}")
}

fn of_report(found: &KeyParameters) -> Vec<Named> {
    rows(
        [found.lwe_dimension, found.glwe_dimension, found.polynomial_size],
        [found.rotation, found.key_switch],
        found.packing,
    )
}

fn of_parameters(found: &Parameters) -> Vec<Named> {
    let of = |decomposition: &Decomposition| (decomposition.base_log.0, decomposition.levels.0);
    rows(
        [found.lwe_dimension.0, found.glwe_dimension.0, found.polynomial_size.0],
        [found.rotate().then(|| of(&found.rotation)), found.key_switch.as_ref().map(of)],
        found.packing.map(|packing| packing.glwe_dimension.0),
    )
}

fn rows(
    [small, glwe, size]: [usize; 3],
    [rotation, switch]: [Option<(usize, usize)>; 2],
    packing: Option<usize>,
) -> Vec<Named> {
    let mut rows = Vec::new();
    if rotation.is_some() {
        rows.push(Named::new("n", text::length(small), "dimension of the small key"));
    }
    rows.push(Named::new("k", text::length(glwe), "mask polynomials of the big key"));
    rows.push(Named::new("N", text::length(size), "coefficients of a polynomial"));
    if let Some(rotation) = rotation {
        rows.push(Named::new("bootstrap key", pair(rotation), "base and levels of its decomposition"));
    }
    if let Some(switch) = switch {
        rows.push(Named::new("key-switching key", pair(switch), "base and levels of its decomposition"));
    }
    if let Some(packing) = packing {
        rows.push(Named::new(
            "packing of results",
            format!("k = {packing}"),
            "polynomials of 256 coefficients",
        ));
    }
    rows
}
