//! The client's two maps: features to integers in front of the circuit, integers to logits behind it.

use fheqat_spec::Range;
use serde::{Deserialize, Serialize};

use super::{logits::Logits, task::Task};
use crate::{
    data::{Feature, FeatureKind, csv::MISSING_MARKS, feature::name_of_number},
    error::{InputError, check_sample},
    quant::{Encoder, transition::decode},
};

/// How features become integers and integers become logits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Codec {
    /// What turns features into the levels that the circuit reads: of each encoder those of all features, one encoder after
    /// the other. Features outside the range saturate, as in training.
    pub encoders: Vec<Encoder>,
    /// Features of one sample.
    pub features: usize,
    /// What they were in training, one each.
    pub described: Vec<Feature>,
    /// What one unit of each output stands for, in the units of the targets: value = accumulator * scale + bias.
    pub scale: Vec<f32>,
    /// The float bias of each output.
    pub bias: Vec<f32>,
    /// What the outputs answer, with the names of classes.
    pub task: Task,
}

impl Codec {
    /// Encodes one sample of shape `[features]`. A category is its index among the names that [`Codec::described`] has, or any
    /// larger number where it is none of them; a missing value is NaN.
    ///
    /// # Errors
    /// When the sample has another width, a feature is infinite, a category is no index, or a value is missing that an encoder
    /// rounds.
    pub fn encode(&self, sample: &[f32]) -> Result<Vec<i64>, InputError> {
        check_sample(sample, &self.described, self.takes_missing())?;
        Ok(self.encoders.iter().flat_map(|encoder| encoder.levels(sample)).collect())
    }

    /// The numbers of a sample from its cells in a file, one for each feature, as they stand there. A category is found by its name,
    /// and may be one that training never saw; a cell that is
    /// missing has one of the marks that [`CsvOptions`](crate::data::csv::CsvOptions) has by default.
    ///
    /// # Errors
    /// When there is another number of cells, or one is no number where a number is expected.
    pub fn parse<S: AsRef<str>>(&self, cells: &[S]) -> Result<Vec<f32>, InputError> {
        if cells.len() != self.described.len() {
            return Err(InputError::Width { found: cells.len(), expected: self.described.len() });
        }
        let cells = cells.iter().zip(&self.described).enumerate();
        cells.map(|(feature, (cell, described))| number(feature, cell.as_ref().trim(), described)).collect()
    }

    /// [`encode`](Self::encode) of what [`parse`](Self::parse) makes of the cells of a sample.
    ///
    /// # Errors
    /// As both.
    pub fn encode_text<S: AsRef<str>>(&self, cells: &[S]) -> Result<Vec<i64>, InputError> {
        self.encode(&self.parse(cells)?)
    }

    /// Whether a value may be missing (NaN).
    #[must_use]
    pub fn takes_missing(&self) -> bool {
        self.encoders.iter().all(Encoder::takes_missing)
    }

    /// Levels of one sample, each of them a number that the client encrypts.
    #[must_use]
    pub fn inputs(&self) -> usize {
        let levels = self.encoders.iter().map(|encoder| encoder.outputs(self.features));
        levels.fold(0, usize::saturating_add)
    }

    /// Every level lies in it.
    #[must_use]
    pub fn input_range(&self) -> Range {
        let ranges = self.encoders.iter().map(Encoder::range);
        ranges.reduce(Range::cover).unwrap_or(Range::new(0, 0))
    }

    /// Scales the integers of one sample.
    #[must_use]
    pub fn decode(&self, accumulators: Vec<i64>) -> Logits {
        let values = accumulators
            .iter()
            .zip(&self.scale)
            .zip(&self.bias)
            .map(|((&sum, &scale), &bias)| decode(sum as f32, scale, bias))
            .collect();
        Logits { accumulators, values, task: self.task.clone() }
    }
}

/// Whether two cells name one category, by the law of CSV files.
fn is_same(name: &str, text: &str) -> bool {
    name == text || name_of_number(name).is_some_and(|name| name_of_number(text) == Some(name))
}

/// The number of a feature whose cell has this text.
fn number(index: usize, text: &str, described: &Feature) -> Result<f32, InputError> {
    if MISSING_MARKS.contains(&text) {
        return Ok(f32::NAN);
    }
    match &described.kind {
        FeatureKind::Category { names } => match names.iter().position(|name| is_same(name, text)) {
            Some(category) => Ok(category as f32),
            None => Ok(names.len() as f32),
        },
        FeatureKind::Number => text.parse().map_err(|_| InputError::Text {
            feature: index,
            name: described.name.clone(),
            text: text.to_owned(),
        }),
    }
}
