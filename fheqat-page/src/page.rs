//! What a page is made of, and its template.

use std::{borrow::Cow, path::Path};

use askama::Template;
use fheqat_runtime::{
    circuit::{Circuit, Logits},
    compile::{Compiled, Prediction},
    data::Dataset,
    fhe::{ClientHalf, ServerHalf},
    file,
    report::{Promise, Report},
    train::History,
};

use crate::{
    PageError,
    colours::properties,
    encodings::{self, Encoding},
    figure::Figure,
    layers::{Layers, promise},
    network::Network,
    noise::{Measured, Noise},
    predictions::Predictions,
    regions::{self, Regions},
    sizes::{Named, Sizes},
    sums::Sums,
    text,
    training::{Key, Training},
};

/// A report in the making: parts are added in any order, each of them optional.
#[derive(Clone, Debug, Default)]
pub struct Page<'a> {
    title: String,
    report: Option<Cow<'a, Report>>,
    prediction: Option<&'a Prediction>,
    circuit: Option<&'a Circuit>,
    client: Option<&'a ClientHalf>,
    server: Option<&'a ServerHalf>,
    history: Option<&'a History>,
    data: Option<(&'a Dataset, String)>,
    measured: Option<Measured>,
    files: Vec<Facts>,
}

/// What is known of a file, or of anything else that has no part of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The name of the file.
    pub name: String,
    /// What each fact is called, and its lines.
    pub facts: Vec<(String, Vec<String>)>,
}

impl<'a> Page<'a> {
    /// A page with a title, such as the network's name, and nothing else.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// What a circuit costs encrypted: layers, slots, rotations, prices and sizes.
    #[must_use]
    pub fn report(mut self, report: &'a Report) -> Self {
        self.report = Some(Cow::Borrowed(report));
        self
    }

    /// The report, the circuit and the noise that is predicted of a compiled circuit.
    #[must_use]
    pub fn compiled(mut self, compiled: &'a Compiled) -> Self {
        self.report = Some(Cow::Owned(compiled.report()));
        self.prediction = Some(compiled.prediction());
        self.circuit(compiled.circuit())
    }

    /// The circuit: what reads what, encodings, and decision regions where there are two features.
    #[must_use]
    pub const fn circuit(mut self, circuit: &'a Circuit) -> Self {
        self.circuit = Some(circuit);
        self
    }

    /// The client half of a model: encodings and sizes.
    #[must_use]
    pub const fn client(mut self, half: &'a ClientHalf) -> Self {
        self.client = Some(half);
        self
    }

    /// The server half of a model: memory and parameters.
    #[must_use]
    pub const fn server(mut self, half: &'a ServerHalf) -> Self {
        self.server = Some(half);
        self
    }

    /// How training went, and what the search for a cheap network tried.
    #[must_use]
    pub const fn history(mut self, history: &'a History) -> Self {
        self.history = Some(history);
        self
    }

    /// Samples that the circuit is run on in the clear, and what they are, such as `the test samples`: how right it is, and what its
    /// sums take. Nothing of them is shown without a circuit.
    #[must_use]
    pub fn data(mut self, data: &'a Dataset, about: impl Into<String>) -> Self {
        self.data = Some((data, about.into()));
        self
    }

    /// What was decrypted, and what the circuit gives for the same samples in the clear: the noise that was measured. Nothing of it
    /// is shown without a report, or where nothing was decrypted.
    #[must_use]
    pub fn measured(mut self, decrypted: &[Logits], clear: &[Logits]) -> Self {
        self.measured = (!decrypted.is_empty()).then(|| Measured::of(decrypted, clear));
        self
    }

    /// What is known of a file; those of several stand in their order.
    #[must_use]
    pub fn file(mut self, facts: Facts) -> Self {
        self.files.push(facts);
        self
    }

    /// The page as HTML.
    ///
    /// # Errors
    /// When the samples do not fit the circuit, or by a defect of fheqat.
    pub fn to_html(&self) -> Result<String, PageError> {
        let report = self.report.as_deref();
        let network = Network::of(self.circuit, report);
        let data = self.circuit.zip(self.data.as_ref());
        let predictions =
            data.map(|(circuit, (data, about))| Predictions::of(circuit, data, about)).transpose()?;
        let codec = self.circuit.map(|circuit| &circuit.codec).or(self.client.map(ClientHalf::codec));
        let region =
            self.circuit.map(|circuit| regions::of(circuit, self.data.as_ref().map(|(data, _)| *data)));
        let noise = report.map(|report| Noise::of(report, self.prediction, self.measured.as_ref()));
        let headline = predictions.as_ref().and_then(|predictions| predictions.headline.clone());
        let view = View {
            title: text::short(&self.title, 200),
            light: properties(false),
            dark: properties(true),
            version: env!("CARGO_PKG_VERSION"),
            lead: lead(report),
            tiles: headline.into_iter().chain(report.into_iter().flat_map(tiles)).collect(),
            drawing: network.as_ref().map(Network::drawing).transpose()?,
            left_out: network.as_ref().map_or(0, Network::left_out),
            has_edges: network.as_ref().is_some_and(|network| network.has_edges),
            layers: Layers::of(self.circuit, report),
            sums: data.map(|(circuit, (data, _))| Sums::of(circuit, data)).transpose()?,
            training: self.history.map(Training::of).transpose()?,
            predictions,
            region: region.transpose()?.flatten(),
            encodings: codec.map(encodings::of).transpose()?.unwrap_or_default(),
            noise: noise.transpose()?.flatten(),
            sizes: Sizes::of(report, self.client, self.server),
            files: &self.files,
            no_keys: &[],
        };
        let html = view.render().map_err(|error| PageError::Template(error.to_string()))?;
        Ok(readable(&html))
    }

    /// Writes the page, whole or not at all.
    ///
    /// # Errors
    /// As [`to_html`](Self::to_html), and when the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), PageError> {
        Ok(file::save(path, self.to_html()?.as_bytes())?)
    }
}

/// The page without characters that control a terminal or turn the direction of text around: names come from files.
fn readable(html: &str) -> String {
    let is_hidden = |character: char| {
        character.is_control() && character != '\n'
            || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    html.chars().map(|character| if is_hidden(character) { '\u{fffd}' } else { character }).collect()
}

/// What the template reads.
#[derive(Template)]
#[template(path = "page.html")]
struct View<'a> {
    title: String,
    light: String,
    dark: String,
    version: &'static str,
    lead: String,
    tiles: Vec<Named>,
    drawing: Option<Figure>,
    left_out: usize,
    has_edges: bool,
    layers: Option<Layers>,
    sums: Option<Sums>,
    training: Option<Training>,
    predictions: Option<Predictions>,
    region: Option<Regions>,
    encodings: Vec<Encoding>,
    noise: Option<Noise>,
    sizes: Option<Sizes>,
    files: &'a [Facts],
    no_keys: &'static [Key],
}

fn lead(report: Option<&Report>) -> String {
    let Some(report) = report else { return String::new() };
    let wrong = match report.results {
        Promise::Exact => "a result differs from the same network on plain integers",
        Promise::Within { .. } => "a result is off by more than its noise",
    };
    format!(
        "Results are {}. The probability that {wrong} is at most {}, as predicted. Keys have at least 128 bits of security.",
        promise(report.results),
        text::power(report.p_fail.0)
    )
}

fn tiles(report: &Report) -> Vec<Named> {
    vec![
        Named::new("one inference", text::seconds(report.core_seconds.0), "on one core, predicted"),
        Named::new("blind rotations", text::length(report.rotations()), "of one sample"),
        Named::new("wrong with", text::power(report.p_fail.0), "at most, predicted"),
        Named::new("keys", report.server_key_seeded.to_string(), "for evaluation, sent once"),
        Named::new("sample", report.input.to_string(), "encrypted, sent"),
        Named::new("result", report.output.to_string(), "encrypted, received"),
    ]
}
