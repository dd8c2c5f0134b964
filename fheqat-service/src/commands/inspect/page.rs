//! What files say together, as a page.

use fheqat::{
    MainError,
    circuit::{Circuit, Codec},
    data::Dataset,
    fhe::{ClientHalf, ServerHalf},
    page::{Facts as FileFacts, Page, PageError},
    report::Report,
    train::History,
};
use thiserror::Error;

use super::Facts;

/// Files that make no page together.
#[derive(Debug, Error)]
pub(crate) enum PartsError {
    #[error("`{path}` is a second {kind}, but a page is of one model: give one of each kind")]
    Second { path: String, kind: &'static str },
    #[error(
        "no circuit is among the files, which predicts the samples of `--csv`: give that of the model too, as `Circuit::to_bytes` has it"
    )]
    NoCircuit,
    #[error("`{path}` is of another model than the files before it: a page is of one model")]
    Other { path: String },
}

/// What a page can show of a file beside its facts.
pub(super) enum Content {
    Circuit(Box<Circuit>),
    Client(Box<ClientHalf>),
    Server(Box<ServerHalf>),
    Report(Box<Report>),
    History(Box<History>),
    Other,
}

/// The files of a page.
#[derive(Default)]
pub(super) struct Parts {
    circuit: Option<Box<Circuit>>,
    client: Option<Box<ClientHalf>>,
    server: Option<Box<ServerHalf>>,
    report: Option<Box<Report>>,
    history: Option<Box<History>>,
    files: Vec<FileFacts>,
    /// Samples with targets, and what they are called.
    table: Option<(Dataset, String)>,
}

impl Parts {
    pub(super) fn add(&mut self, path: &str, facts: &Facts, content: Content) -> Result<(), PartsError> {
        match content {
            Content::Circuit(circuit) => put(&mut self.circuit, circuit, path, "circuit"),
            Content::Client(half) => put(&mut self.client, half, path, "client half"),
            Content::Server(half) => put(&mut self.server, half, path, "server half"),
            Content::Report(report) => put(&mut self.report, report, path, "report"),
            Content::History(history) => put(&mut self.history, history, path, "log of a training"),
            Content::Other => Ok(()),
        }?;
        if !self.agree() {
            return Err(PartsError::Other { path: path.to_owned() });
        }
        // The page has tables of its own for these.
        let facts = facts.iter().filter(|fact| !["layers", "report"].contains(&fact.name));
        let facts = facts.map(|fact| (fact.name.replace('_', " "), fact.lines.clone())).collect();
        self.files.push(FileFacts { name: path.to_owned(), facts });
        Ok(())
    }

    /// Reads the samples by which the circuit is judged.
    pub(super) fn set_table(
        &mut self,
        name: String,
        read: impl FnOnce(&Codec) -> Result<Dataset, MainError>,
    ) -> Result<(), MainError> {
        let circuit = self.circuit.as_ref().ok_or(PartsError::NoCircuit)?;
        self.table = Some((read(&circuit.codec)?, name));
        Ok(())
    }

    /// Whether all of what was read can be of one model.
    fn agree(&self) -> bool {
        let halves = self.client.as_ref().zip(self.server.as_ref());
        let reports = self.circuit.as_ref().zip(self.report.as_ref());
        let codecs = self.circuit.as_ref().zip(self.client.as_ref());
        halves.is_none_or(|(client, server)| client.model() == server.model())
            && reports.is_none_or(|(circuit, report)| circuit.report() == report.circuit)
            && codecs.is_none_or(|(circuit, client)| circuit.codec == *client.codec())
    }

    pub(super) fn page(self) -> Result<String, PageError> {
        let named = self.circuit.as_ref().map(|circuit| circuit.name.as_str());
        let named = named.or(self.report.as_ref().map(|report| report.circuit.network.as_str()));
        let mut page = Page::new(named.unwrap_or("Files of fheqat"));
        if let Some(circuit) = &self.circuit {
            page = page.circuit(circuit);
        }
        if let Some(half) = &self.client {
            page = page.client(half);
        }
        if let Some(half) = &self.server {
            page = page.server(half);
        }
        if let Some(report) = &self.report {
            page = page.report(report);
        }
        if let Some(history) = &self.history {
            page = page.history(history);
        }
        if let Some((data, name)) = &self.table {
            page = page.data(data, format!("the samples of {name}"));
        }
        self.files.into_iter().fold(page, Page::file).to_html()
    }
}

fn put<T>(place: &mut Option<T>, content: T, path: &str, kind: &'static str) -> Result<(), PartsError> {
    match place.replace(content) {
        Some(_) => Err(PartsError::Second { path: path.to_owned(), kind }),
        None => Ok(()),
    }
}
