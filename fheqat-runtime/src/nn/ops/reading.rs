//! How features are read: chosen on training samples, and kept with the layers that read the network's input.

use std::sync::Arc;

use crate::{
    data::Feature,
    nn::{
        tensors::{TensorReader, TensorWriter, WeightsError},
        usable::{Bad, infinite, no_unit},
    },
    quant::{Standardization, Transform, Whitening},
};

/// What the features were in training, and what is done to them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// One for each feature.
    pub(crate) described: Arc<[Feature]>,
    pub(crate) transform: Transform,
}

const ENCODER: &str = "encoder";
const DESCRIBED: &str = "features";
const TRANSFORM: &str = "transform";
const MEAN: &str = "mean";
const DEVIATION: &str = "deviation";
const COMPONENTS: &str = "components";
const OFFSET: &str = "offset";

/// The names of transforms in a file.
const AS_IS: &str = "none";
const STANDARDIZE: &str = "standardize";
const WHITEN: &str = "whiten";

impl Reading {
    /// A number of the map with which no sample can be read.
    pub(super) fn unusable(&self) -> Option<Bad> {
        let of = |standardization: &Standardization| {
            infinite("mean of a feature", standardization.mean())
                .or_else(|| no_unit("deviation of a feature", standardization.deviation()))
        };
        match &self.transform {
            Transform::AsIs => None,
            Transform::Standardize(standardization) => of(standardization),
            Transform::Whiten(whitening) => of(whitening.standardization())
                .or_else(|| infinite("part of a component", whitening.components()))
                .or_else(|| infinite("offset of the components", [&whitening.offset()])),
        }
    }

    /// Writes it for an encoder of this kind.
    pub(super) fn save(&self, encoder: &'static str, to: &mut TensorWriter) {
        to.note(ENCODER, encoder);
        let name = match &self.transform {
            Transform::AsIs => AS_IS,
            Transform::Standardize(standardization) => {
                save_standardization(standardization, to);
                STANDARDIZE
            }
            Transform::Whiten(whitening) => {
                save_standardization(whitening.standardization(), to);
                let (components, features) = (whitening.components(), self.described.len());
                to.tensor(COMPONENTS, &[features, components.len() / features.max(1)], components);
                to.tensor(OFFSET, &[1], [&whitening.offset()]);
                WHITEN
            }
        };
        to.note(TRANSFORM, name);
        to.note(DESCRIBED, &serde_json::to_string(&*self.described).unwrap_or_default());
    }

    /// What [`Reading::save`] wrote; `None` where no training has chosen it.
    ///
    /// # Errors
    /// When it is of an encoder of another kind, or does not fit so many features.
    pub(super) fn load(
        encoder: &'static str,
        from: &mut TensorReader<'_>,
        features: usize,
    ) -> Result<Option<Self>, WeightsError> {
        if let Some(found) = from.noted(ENCODER).filter(|found| *found != encoder) {
            let found = found.to_owned();
            return Err(from.other_encoder(found, encoder));
        }
        let standardization = load_standardization(from, features)?;
        let transform = match (from.noted(TRANSFORM), standardization) {
            (None, None) => return Ok(None),
            // Older files have no note.
            (None | Some(STANDARDIZE), Some(standardization)) => Transform::Standardize(standardization),
            (Some(AS_IS), None) => Transform::AsIs,
            (Some(WHITEN), Some(standardization)) => {
                let components = from.matrix(COMPONENTS, features);
                let offset = from.required(OFFSET, &[1]).first().copied().unwrap_or_default();
                match Whitening::checked(standardization, components, offset, features) {
                    Some(whitening) => Transform::Whiten(whitening),
                    None => return Err(from.stray_note(TRANSFORM)),
                }
            }
            (Some(_), _) => return Err(from.stray_note(TRANSFORM)),
        };
        let described = match from.noted(DESCRIBED) {
            None => Feature::numbered(features),
            Some(text) => match serde_json::from_str::<Vec<Feature>>(text) {
                Ok(described) if described.len() == features => described.into(),
                Ok(_) | Err(_) => return Err(from.stray_note(DESCRIBED)),
            },
        };
        Ok(Some(Self { described, transform }))
    }
}

fn save_standardization(standardization: &Standardization, to: &mut TensorWriter) {
    let (mean, deviation) = (standardization.mean(), standardization.deviation());
    for (part, values) in [(MEAN, mean), (DEVIATION, deviation)] {
        to.tensor(part, &[values.len()], values);
    }
}

fn load_standardization(
    from: &mut TensorReader<'_>,
    features: usize,
) -> Result<Option<Standardization>, WeightsError> {
    let Some(mean) = from.optional(MEAN, &[features]) else { return Ok(None) };
    let deviation = from.required(DEVIATION, &[features]);
    if let Some(index) = deviation.iter().position(|deviation| *deviation <= 0.0) {
        return Err(from.bad_value(DEVIATION, index, deviation[index]));
    }
    Ok(Standardization::checked(mean, deviation, features))
}
