//! `Thermometer`: from features to bits, on the client.

use fheqat_spec::{self as spec, BIT, Range, Thresholds};
use rand_chacha::ChaCha8Rng;

use super::{
    operation::{At, AtLoad, Back, Batch, Ends, Exact, Lowering, Mode, Operation, Refresh, Run, State},
    place::Place,
    quantizer::encode,
    reading::Reading,
};
use crate::{
    circuit::build::{OutsideBound, Values},
    nn::{
        dimensions::Dimensions,
        error::NetworkError,
        module::{LayerMut, LayerRef, Module},
        tensors::{TensorReader, TensorWriter, WeightsError},
        usable::Bad,
    },
    quant::{ChannelCode, ClientLayer, Code, Encoder, ThermometerCode, Transform},
};

/// Encodes the network's input as levels 0 and 1, on the client: each feature becomes `K` bits, `[c, ...]` becomes `[c * K, ...]`.
///
/// Training chooses what the bits say, on its samples:
/// - Of a quantity, a bit for each threshold, which is set where the quantity is larger. Thresholds are quantiles of the feature
///   where the input is flat, else equal steps between the least and the largest number of a channel;
///   `#[layer(thresholds = ...)]` says otherwise. Equal values are never parted, and bits that are left over stay 0.
/// - Of a category, a bit for each category that training saw, which is set for it alone. Where there are more than `K`, the most
///   frequent have bits of their own, and all others, with those that training never saw, share the last. Where there are not, a
///   category that training never saw sets no bit.
/// - Behind layers that the client runs (`#[layer(client)]`), thresholds are of what those give before they train, and stay.
/// - A feature with missing values (NaN) in training gives its last bit to them. Elsewhere a missing value sets no bit.
#[derive(Clone, Debug)]
pub struct Thermometer<const K: usize> {
    /// What training chooses.
    pub state: ThermometerState,
}

#[diagnostic::do_not_recommend]
impl<const K: usize> Module for Thermometer<K> {
    fn init(layer: &spec::Layer, _: &spec::Fact, _: &mut ChaCha8Rng) -> Self {
        Self { state: ThermometerState::new(layer) }
    }
    fn layer(&self) -> LayerRef<'_> {
        LayerRef::new("Thermometer", &self.state)
    }
    fn layer_mut(&mut self) -> LayerMut<'_> {
        LayerMut::new(&mut self.state)
    }
}

impl<const K: usize> Dimensions for Thermometer<K> {
    const DIMENSIONS: &'static [usize] = &[K];
}

impl<const K: usize> Thermometer<K> {
    /// What the bits say; `None` until training has chosen it.
    #[must_use]
    pub fn code(&self) -> Option<&ThermometerCode> {
        self.state.chosen.as_ref().map(|(_, code)| code)
    }

    /// What features go through before they are compared with thresholds; `None` until training has chosen it.
    #[must_use]
    pub fn transform(&self) -> Option<&Transform> {
        self.state.chosen.as_ref().map(|(reading, _)| &reading.transform)
    }
}

/// The state of a thermometer.
#[derive(Clone, Debug, PartialEq)]
pub struct ThermometerState {
    /// Bits of a feature.
    pub(crate) bits: usize,
    /// Numbers of a channel.
    pub(crate) positions: usize,
    pub(crate) thresholds: Thresholds,
    /// How features are read, and what the bits say; `None` until training has chosen it.
    pub(crate) chosen: Option<(Reading, ThermometerCode)>,
}

impl ThermometerState {
    fn new(layer: &spec::Layer) -> Self {
        let (bits, thresholds) = match layer {
            spec::Layer::Thermometer(layer) => (layer.bits.or(0) as usize, layer.thresholds),
            _ => (0, Thresholds::ByShape),
        };
        Self { bits, positions: 1, thresholds, chosen: None }
    }

    /// A thermometer in a network, which reads its input, or what the client makes of it.
    pub(super) fn placed(
        layer: &spec::Thermometer,
        state: LayerRef<'_>,
        place: &Place<'_>,
    ) -> Option<(usize, Self)> {
        let (features, channels) = (place.operand_width()?, *place.dims.first()?);
        let positions = features.checked_div(channels)?;
        let state = Self { positions, ..state.state::<Self>()?.clone() };
        let fits = layer.bits.get() == Some(state.bits as i64) && layer.thresholds == state.thresholds;
        Some((features.checked_mul(state.bits)?, state)).filter(|_| fits)
    }

    /// From features to bits, through these layers of the client.
    fn encoder(&self, at: At<'_>, layers: Vec<ClientLayer>) -> Result<Encoder, NetworkError> {
        match &self.chosen {
            Some((Reading { transform, .. }, code)) => {
                Ok(Encoder { transform: transform.clone(), layers, code: Code::Thermometer(code.clone()) })
            }
            None => Err(at.network.not_calibrated(at.index)),
        }
    }
}

const ENCODER: &str = "Thermometer";
const THRESHOLDS: &str = "thresholds";
const CATEGORIES: &str = "categories";

/// The code of a channel in a note, without its thresholds.
type Noted = Vec<ChannelCode>;

impl State for ThermometerState {
    fn reached(&self, _: At<'_>) -> Option<Range> {
        Some(BIT)
    }

    fn ones(&self) -> Option<usize> {
        None
    }

    fn remove(&mut self, ends: Ends, _: &[Vec<bool>], _: &[usize]) -> Vec<bool> {
        vec![false; ends.width]
    }

    fn unusable(&self) -> Option<Bad> {
        self.chosen.as_ref()?.0.unusable()
    }

    fn save(&self, _: Option<&'static str>, to: &mut TensorWriter) {
        let Some((reading, code)) = &self.chosen else { return };
        reading.save(ENCODER, to);
        // Floats as tensors, for text may round them.
        let mut thresholds = Vec::with_capacity(code.channels().len() * self.bits);
        let mut noted: Noted = code.channels().to_vec();
        for channel in &mut noted {
            let end = thresholds.len() + self.bits;
            if let ChannelCode::Quantity { thresholds: own, .. } = channel {
                thresholds.append(own);
            }
            thresholds.resize(end, f32::MAX);
        }
        to.tensor(THRESHOLDS, &[noted.len(), self.bits], &thresholds);
        to.note(CATEGORIES, &serde_json::to_string(&noted).unwrap_or_default());
    }

    fn load(&mut self, at: AtLoad, from: &mut TensorReader<'_>) -> Result<(), WeightsError> {
        let (features, reads) = (at.features.unwrap_or_default(), at.reads);
        self.chosen = None;
        let Some(reading) = Reading::load(ENCODER, from, features)? else { return Ok(()) };
        let channels = reads / self.positions.max(1);
        let thresholds = from.required(THRESHOLDS, &[channels, self.bits]);
        let noted = from.noted(CATEGORIES).and_then(|text| serde_json::from_str::<Noted>(text).ok());
        let mut noted = noted.unwrap_or_default();
        for (channel, row) in noted.iter_mut().zip(thresholds.chunks(self.bits.max(1))) {
            if let ChannelCode::Quantity { thresholds, missing } = channel {
                *thresholds = row[..row.len() - usize::from(*missing)].to_vec();
            }
        }
        let code = ThermometerCode::checked(self.bits, self.positions, noted, reads);
        match code {
            Some(code) => self.chosen = Some((reading, code)),
            None => return Err(from.stray_note(CATEGORIES)),
        }
        Ok(())
    }

    fn store(&self, layer: LayerMut<'_>) {
        if let Some(state) = layer.state::<Self>() {
            state.clone_from(self);
        }
    }
}

impl Operation for ThermometerState {
    type Kernel = Kernel;
    type Integers = Integers;

    fn kernel(&self, at: At<'_>, _: Mode) -> Kernel {
        let encoder = self.encoder(at, Vec::new()).ok();
        Kernel(encoder.map(|encoder| match at.from {
            None => encoder,
            // The layer before has read the features.
            Some(_) => Encoder { transform: Transform::AsIs, ..encoder },
        }))
    }

    fn refresh(&self, kernel: &mut Kernel, refresh: &mut Refresh<'_>) -> Result<(), NetworkError> {
        match kernel.0 {
            Some(_) => Ok(()),
            None => Err(refresh.at.network.not_calibrated(refresh.at.index)),
        }
    }

    fn integers(&self, at: At<'_>) -> Result<Integers, NetworkError> {
        Ok(Integers(self.encoder(at, at.network.client_layers(at.index))?))
    }
}

/// What makes bits of features, once training has chosen it. It is the same in float and quantized.
#[derive(Clone, Debug)]
pub(crate) struct Kernel(Option<Encoder>);

impl Run for Kernel {
    fn run(&mut self, batch: Batch<'_>) {
        if let Some(encoder) = &self.0 {
            encode((encoder, 1.0), batch);
        }
    }

    /// Behind layers of the client: a bit counts as if it rose in a straight line, from one mean distance between the thresholds of its
    /// channel below its own to one above; a channel of one threshold has a distance of 1.
    fn back(&self, mut back: Back<'_>) {
        let Some(Encoder { code: Code::Thermometer(code), .. }) = &self.0 else { return };
        let (read, route, bits) = (back.read, back.route(), code.bits());
        let Some(from) = back.at.from else { return };
        let width = back.before[from].ncols();
        let positions = width / code.channels().len();
        for ((to, slopes), read) in back.samples().zip(read.chunks_exact(width)) {
            for (channel, own) in code.channels().iter().enumerate() {
                let ChannelCode::Quantity { thresholds, .. } = own else { continue };
                let reach = own.reach();
                for position in 0..positions {
                    let number = channel * positions + position;
                    let near = thresholds
                        .iter()
                        .enumerate()
                        .filter(|(_, threshold)| (read[number] - **threshold).abs() <= reach);
                    let slope: f32 =
                        near.map(|(bit, _)| slopes[(channel * bits + bit) * positions + position]).sum();
                    route.pass(&mut to[number], slope / (2.0 * reach));
                }
            }
        }
    }
}

/// Features to bits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Integers(pub(crate) Encoder);

impl Exact for Integers {
    fn run(&self, sample: &[f32], _: &[Vec<i64>], _: &[i64]) -> Vec<i64> {
        self.0.levels(sample)
    }

    fn lower(&self, lowering: Lowering<'_>) -> Result<Values, OutsideBound> {
        Ok(lowering.builder.encode(&self.0))
    }
}
