//! Layers with weights: dense layers, and convolutions, whose filters are rows of a dense layer that slides.

mod integers;
mod product;

use std::sync::Arc;

use fheqat_spec::{self as spec, Bias, Range};
use ndarray::{Array1, Array2, ArrayView1};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

pub(crate) use self::{
    integers::{Integers, row_sums, squares},
    product::Product,
};
use super::{
    affine::Affine,
    operation::{At, AtLoad, Ends, Mode, Operation, Refresh, Slopes, State},
    place::Place,
    sliding::{Sliding, SlidingGradients},
    window::{Filters, pairs},
};
use crate::{
    nn::{
        dimensions::Dimensions,
        error::NetworkError,
        matrix::{slice, slice_mut},
        module::{LayerMut, LayerRef, Module},
        multiply,
        precision::Precision,
        targets::TargetState,
        tensors::{TensorReader, TensorWriter, WeightsError, noted_range, shaped},
        usable::{Bad, infinite, no_unit},
    },
    quant::{
        row::{RowLimits, RowRounder, exact_sum},
        transition::Dequantize,
    },
};

/// The stream of a seed that draws biases.
const BIASES: u64 = 8;

/// A dense layer with integer weights and a float bias, `[IN]` to `[OUT]`.
#[derive(Clone, Debug)]
pub struct QuantLinear<const IN: usize, const OUT: usize> {
    /// What trains.
    pub state: LinearState,
}

/// Filters of length `K` with integer weights and a float bias, `[IN, length]` to `[OUT, positions]`.
#[derive(Clone, Debug)]
pub struct QuantConv1d<const IN: usize, const OUT: usize, const K: usize> {
    /// What trains.
    pub state: LinearState,
}

/// Filters of `K` by `K` with integer weights and a float bias, `[IN, height, width]` to `[OUT, rows, columns]`.
#[derive(Clone, Debug)]
pub struct QuantConv2d<const IN: usize, const OUT: usize, const K: usize> {
    /// What trains.
    pub state: LinearState,
}

macro_rules! weighted_module {
    ($type:ident<$($number:ident),*>, $width:literal, $inputs:expr) => {
        #[diagnostic::do_not_recommend]
        impl<$(const $number: usize),*> Module for $type<$($number),*> {
            fn init(layer: &spec::Layer, _: &spec::Fact, rng: &mut ChaCha8Rng) -> Self {
                Self { state: LinearState::new(layer, [OUT, $inputs / groups(layer)], rng) }
            }
            fn layer(&self) -> LayerRef<'_> {
                LayerRef::new(stringify!($type), &self.state)
            }
            fn layer_mut(&mut self) -> LayerMut<'_> {
                LayerMut::new(&mut self.state)
            }
        }

        impl<$(const $number: usize),*> Dimensions for $type<$($number),*> {
            const DIMENSIONS: &'static [usize] = &[$($number),*];
        }

        impl<$(const $number: usize),*> $type<$($number),*> {
            #[doc = concat!("The float weights, `[OUT, ", $width, "]`.")]
            #[must_use]
            pub fn weights(&self) -> Array2<f32> {
                self.state.float_weights()
            }

            #[doc = concat!("The integer weights that run, `[OUT, ", $width, "]`; `None` until training or calibration has chosen their scale.")]
            #[must_use]
            pub fn integers(&self) -> Option<Array2<i32>> {
                self.state.scale.as_ref().map(|_| self.state.integers())
            }

            /// The float weight that one integer unit stands for, `[1]`, or `[OUT]` where the layer is `per_channel`; `None`
            /// until training or calibration has chosen it.
            #[must_use]
            pub fn scale(&self) -> Option<ArrayView1<'_, f32>> {
                self.state.scale.as_ref().map(|scale| scale.view())
            }

            /// The float bias, `[OUT]`; unused where it is held centred, counted from the centre where it is clipped.
            #[must_use]
            pub fn bias(&self) -> ArrayView1<'_, f32> {
                self.state.bias.view()
            }
        }
    };
}

weighted_module!(QuantLinear<IN, OUT>, "IN", IN);
weighted_module!(QuantConv1d<IN, OUT, K>, "IN / groups * K", IN * K);
weighted_module!(QuantConv2d<IN, OUT, K>, "IN / groups * K * K", IN * K * K);

fn groups(layer: &spec::Layer) -> usize {
    match layer {
        spec::Layer::Conv(conv) => {
            conv.groups.get().and_then(|groups| usize::try_from(groups).ok()).unwrap_or(1)
        }
        _ => 1,
    }
}

/// The state of a layer with weights: a row for each neuron, or for each filter of a convolution.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearState {
    /// Float weights, `[out, in]`, in units of `scale`.
    pub(crate) weight: Array2<f32>,
    /// Float bias, `[out]`, in the units of the layer's output.
    pub(crate) bias: Array1<f32>,
    /// The float weight that one integer unit stands for, `[1]` of all rows or `[out]` of each; `None` until training or
    /// calibration has chosen it, and weights are in the units of the layer till then.
    pub(crate) scale: Option<Array1<f32>>,
    /// Which rows share a scale.
    pub(crate) weight_scale: spec::WeightScale,
    /// Which weights pruning keeps, `[out, in]`; the others are zero.
    pub(crate) mask: Option<Array2<bool>>,
    /// What the integers of a row keep.
    pub(crate) limits: RowLimits,
    /// The budget that was declared; training may choose a smaller one.
    pub(crate) declared_l1: Option<usize>,
    /// How the user wants the bias held.
    pub(crate) declared: Bias,
    /// How it is held: free behind float training, whatever was declared.
    pub(crate) hold: Bias,
    /// What each row sees, where the rows are filters of a network's convolution.
    pub(crate) filters: Option<Arc<Filters>>,
    /// What the network keeps of its targets, where this is its last layer with weights.
    pub(crate) targets: TargetState,
}

impl LinearState {
    /// Fresh weights and biases.
    pub(crate) fn new(layer: &spec::Layer, shape: [usize; 2], rng: &mut ChaCha8Rng) -> Self {
        let nothing = RowLimits { weights: Range::new(0, 0), max_nonzero: 0, max_l1: None };
        let row = match layer {
            spec::Layer::Linear(linear) => Some(*linear),
            spec::Layer::Conv(conv) => Some(conv.row()),
            _ => None,
        };
        let limits = row.as_ref().and_then(RowLimits::of).unwrap_or(nothing);
        let declared = row.map_or(Bias::None, |row| row.bias);
        let mut state = Self {
            weight: Array2::zeros(shape),
            bias: Array1::zeros(shape[0]),
            scale: None,
            weight_scale: row.map_or(spec::WeightScale::PerTensor, |row| row.weight_scale),
            mask: None,
            limits,
            declared_l1: limits.max_l1,
            declared,
            hold: declared,
            filters: None,
            targets: TargetState::default(),
        };
        state.draw(rng);
        state
    }

    /// A dense layer in a network.
    pub(super) fn dense(layer: LayerRef<'_>, place: &Place<'_>) -> Option<(usize, Self)> {
        let state: &Self = layer.state()?;
        let fits = state.weight.ncols() == place.operand_width()? && state.limits.max_nonzero > 0;
        fits.then(|| (state.weight.nrows(), Self { filters: None, ..state.clone() }))
    }

    /// A convolution in a network.
    pub(super) fn sliding(
        conv: &spec::Conv,
        layer: LayerRef<'_>,
        place: &Place<'_>,
    ) -> Option<(usize, Self)> {
        let state: &Self = layer.state()?;
        let filters = Filters::new(&conv.window, &place.dims, [conv.filters.outputs, conv.groups])?;
        if state.weight.dim() != (filters.count, filters.fan_in()) || state.limits.max_nonzero == 0 {
            return None;
        }
        let width = filters.count * filters.windows.positions;
        Some((width, Self { filters: Some(Arc::new(filters)), ..state.clone() }))
    }

    /// Uniform weights and biases of standard deviation `1 / sqrt(3 * in)`, as in `PyTorch`. A bias that is held follows its
    /// weights once training is quantized.
    pub(crate) fn draw(&mut self, rng: &mut ChaCha8Rng) {
        let bound = 1.0 / (self.weight.ncols() as f32).sqrt();
        if self.declared != Bias::None {
            let mut rng = rng.clone();
            rng.set_stream(BIASES);
            self.bias.mapv_inplace(|_| rng.random_range(-bound..bound));
        }
        self.weight.mapv_inplace(|_| rng.random_range(-bound..bound));
    }

    /// The weights in the layer's own units, `[out, in]`.
    #[must_use]
    pub fn float_weights(&self) -> Array2<f32> {
        let mut weights = self.weight.clone();
        self.scale_rows(&mut weights);
        weights
    }

    /// The float weight that one integer unit stands for, `[1]` of all rows or `[out]` of each; `None` until training or calibration
    /// has chosen it.
    #[must_use]
    pub fn scale(&self) -> Option<ArrayView1<'_, f32>> {
        self.scale.as_ref().map(|scale| scale.view())
    }

    /// The float bias, `[out]`; counted from the centre of the sums where it is held there.
    #[must_use]
    pub fn bias(&self) -> ArrayView1<'_, f32> {
        self.bias.view()
    }

    /// From integer units to the layer's own.
    pub(crate) fn scale_rows(&self, weights: &mut Array2<f32>) {
        let Some(scale) = &self.scale else { return };
        for (mut row, scale) in weights.rows_mut().into_iter().zip(scale.iter().cycle()) {
            row *= *scale;
        }
    }

    /// How many scales it has: one, or one for each row.
    pub(crate) fn scales(&self) -> usize {
        match self.weight_scale {
            spec::WeightScale::PerTensor => 1,
            spec::WeightScale::PerChannel => self.weight.nrows(),
        }
    }

    /// Gives all its scales one value.
    pub(crate) fn set_scale(&mut self, scale: f32) {
        self.scale = Some(Array1::from_elem(self.scales(), scale));
    }

    /// Makes every output `ratio` times as large.
    pub(crate) fn stretch(&mut self, ratio: f32) {
        if let Some(scale) = &mut self.scale {
            *scale *= ratio;
        }
        self.bias *= ratio;
    }

    /// The integers nearest to the weights that keep every limit, `[out, in]`: exactly what quantized runs multiply by.
    #[must_use]
    pub fn integers(&self) -> Array2<i32> {
        let mut rounded = Array2::zeros(self.weight.dim());
        self.round_into(&self.limits, &mut Vec::new(), &mut rounded);
        rounded.mapv(|weight: f32| weight as i32)
    }

    /// The same as floats, under `limits`, on as many threads as there are parts that pay.
    pub(crate) fn round_into(
        &self,
        limits: &RowLimits,
        rounders: &mut Vec<RowRounder>,
        rounded: &mut Array2<f32>,
    ) {
        /// Multiplications that take as long as rounding one weight.
        const EACH: usize = 32;
        let (rows, width) = (self.used_rows(), self.weight.ncols());
        let weights = &slice(&self.weight)[..rows * width];
        let (rounded, unused) = slice_mut(rounded).split_at_mut(rows * width);
        unused.fill(0.0);
        if rows == 0 {
            return;
        }
        let parts = multiply::parts(rows, width * EACH);
        if rounders.len() < parts {
            rounders.resize_with(parts, RowRounder::default);
        }
        let part = rows.div_ceil(parts) * width;
        let rows = weights.par_chunks(part);
        rows.zip(rounded.par_chunks_mut(part)).zip(rounders).for_each(|((rows, integers), rounder)| {
            for (row, integers) in rows.chunks_exact(width).zip(integers.chunks_exact_mut(width)) {
                rounder.nearest(limits, row, integers);
            }
        });
    }

    /// Refuses integers and biases of a file that would become others under what is declared; weights that a tighter `max_nonzero`
    /// left out stay zero.
    fn agrees(&mut self, budget: Option<usize>, from: &TensorReader<'_>) -> Result<(), WeightsError> {
        from.agrees(RANGE, "integer weights", &noted_range(self.limits.weights))?;
        let found = from.noted("bias");
        let is_same = match (found, self.declared) {
            (Some(CENTRED | CLIPPED), declared) => declared.has_centre(),
            (Some(FREE), Bias::None) => self.bias.iter().all(|&bias| bias == 0.0),
            (Some(NONE), declared) => !declared.has_centre(),
            _ => true,
        };
        if let (Some(found), false) = (found, is_same) {
            return Err(from.other("the bias", found, held(self.declared)));
        }
        let declared = self.limits.max_nonzero;
        let most = from.noted(MAX_NONZERO).and_then(|most| most.parse().ok()).unwrap_or(declared);
        let of_file = RowLimits { max_nonzero: most, max_l1: budget, ..self.limits };
        let mut rows = Array2::zeros(self.weight.dim());
        self.round_into(&of_file, &mut Vec::new(), &mut rows);
        let allowed = |limits: RowLimits| rows.rows().into_iter().all(|row| limits.allow(&row.to_vec()));
        let number = |limit: Option<usize>| limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
        if !allowed(RowLimits { max_l1: None, ..self.limits }) {
            return Err(from.other("`max_nonzero`", &most.to_string(), &declared.to_string()));
        }
        if !allowed(RowLimits { max_nonzero: usize::MAX, ..self.limits }) {
            return Err(from.other("`max_l1`", &number(budget), &number(self.declared_l1)));
        }
        if most < declared {
            self.weight.zip_mut_with(&rows, |weight, &integer: &f32| {
                if integer == 0.0 && weight.abs() > 0.5 {
                    *weight = 0.0;
                }
            });
        }
        Ok(())
    }

    /// Takes weights away for good.
    fn forget(&mut self, is_gone: impl Fn(usize, usize) -> bool) {
        let (rows, columns) = self.weight.dim();
        for (row, column) in pairs(rows, columns) {
            if is_gone(row, column) {
                self.weight[[row, column]] = 0.0;
                let mask = self.mask.get_or_insert_with(|| Array2::from_elem((rows, columns), true));
                mask[[row, column]] = false;
            }
        }
    }

    /// The rows up to the last that has weights: those behind it were taken away for good.
    pub(crate) fn used_rows(&self) -> usize {
        let Some(mask) = &self.mask else { return self.weight.nrows() };
        let is_used = |row: &usize| mask.row(*row).iter().any(|kept| *kept);
        (0..mask.nrows()).rfind(is_used).map_or(0, |last| last + 1)
    }

    /// Sets the weights that pruning does not keep to zero.
    pub(crate) fn apply_mask(&mut self) {
        if let Some(mask) = &self.mask {
            self.weight.zip_mut_with(mask, |weight, &kept| {
                if !kept {
                    *weight = 0.0;
                }
            });
        }
    }
}

const RANGE: &str = "range";
const MAX_L1: &str = "max_l1";
const MAX_NONZERO: &str = "max_nonzero";
const CENTRED: &str = "centred";
const CLIPPED: &str = "clipped";
const FREE: &str = "free";
const NONE: &str = "none";

/// How a bias is held, as notes have it.
const fn held(bias: Bias) -> &'static str {
    match bias {
        Bias::Centred => CENTRED,
        Bias::Clipped => CLIPPED,
        Bias::Free => FREE,
        Bias::None => NONE,
    }
}

/// The smaller of two limits, where there are some.
fn tighter(one: Option<usize>, other: Option<usize>) -> Option<usize> {
    one.into_iter().chain(other).min()
}

impl State for LinearState {
    fn reached(&self, _: At<'_>) -> Option<Range> {
        None
    }

    fn units(&self, at: At<'_>) -> Result<(ArrayView1<'_, f32>, f32), NetworkError> {
        let scale = self.scale.as_ref().ok_or_else(|| at.network.not_calibrated(at.index))?;
        Ok((scale.view(), at.input_levels()?.0))
    }

    fn dequantize_into(
        &self,
        at: At<'_>,
        row_sums: &[f32],
        channels: &mut Vec<Dequantize>,
    ) -> Result<(), NetworkError> {
        channels.clear();
        let (scales, step) = self.units(at)?;
        let units = scales.into_iter().map(move |scale| scale * step);
        let (_, levels) = at.input_levels()?;
        let neurons = self.bias.iter().zip(units.cycle());
        match at.network.hold(at.index) {
            Bias::None => channels.extend(neurons.map(|(_, unit)| Dequantize::plain(unit))),
            Bias::Free => {
                let free = |(&bias, unit)| Dequantize::biased(unit, bias);
                channels.extend(neurons.map(free));
            }
            Bias::Clipped => {
                let clipped =
                    |((&bias, unit), &weights)| Dequantize::centred(unit, weights, levels).moved_by(bias);
                channels.extend(neurons.zip(row_sums).map(clipped));
            }
            Bias::Centred => {
                let centred = |((_, unit), &weights)| Dequantize::centred(unit, weights, levels);
                channels.extend(neurons.zip(row_sums).map(centred));
            }
        }
        Ok(())
    }

    fn ones(&self) -> Option<usize> {
        Some(1)
    }

    fn unusable(&self) -> Option<Bad> {
        infinite("weight", &self.weight)
            .or_else(|| infinite("bias", &self.bias))
            .or_else(|| no_unit("scale", self.scale.iter().flatten()))
            .or_else(|| infinite("weight", &self.float_weights()))
    }

    fn make_float(&mut self) {
        self.weight = self.float_weights();
        self.scale = None;
    }

    fn slopes(&self, gains: usize, batch: usize) -> Slopes {
        Slopes {
            weights: Array2::zeros(self.weight.dim()),
            biases: vec![0.0; self.bias.len()],
            log_gains: vec![0.0; gains],
            filters: self.filters.as_ref().map(|filters| SlidingGradients::new(filters, batch)),
            ..Slopes::default()
        }
    }

    fn remove(&mut self, ends: Ends, gone: &[Vec<bool>], removed: &[usize]) -> Vec<bool> {
        let positions = ends.width / self.bias.len();
        if let Some(from) = ends.from {
            let columns = match &self.filters {
                None => vec![gone[from].clone(); self.bias.len()],
                Some(filters) => {
                    (0..filters.count).map(|filter| filters.unseen(filter, &gone[from])).collect()
                }
            };
            self.forget(|row, column| columns[row][column]);
        }
        self.forget(|row, _| removed.contains(&row));
        (0..ends.width).map(|number| removed.contains(&(number / positions))).collect()
    }

    fn save(&self, _: Option<&'static str>, to: &mut TensorWriter) {
        to.tensor("weight", self.weight.shape(), &self.weight);
        to.tensor("bias", self.bias.shape(), &self.bias);
        if let Some(scale) = &self.scale {
            to.tensor("scale", scale.shape(), scale);
            to.note(RANGE, &noted_range(self.limits.weights));
            to.note(MAX_NONZERO, &self.limits.max_nonzero.to_string());
        }
        if let Some(mask) = &self.mask {
            let ones = mask.mapv(|kept| f32::from(u8::from(kept)));
            to.tensor("mask", mask.shape(), &ones);
        }
        if let Some(filters) = &self.filters {
            filters.save(to);
        }
        to.note("bias", held(self.hold));
        if let Some(budget) = self.limits.max_l1 {
            to.note(MAX_L1, &budget.to_string());
        }
    }

    fn load(&mut self, _: AtLoad, from: &mut TensorReader<'_>) -> Result<(), WeightsError> {
        if let Some(filters) = &self.filters {
            filters.agrees(from)?;
        }
        let (rows, columns) = self.weight.dim();
        let mut shapes = vec![vec![rows, columns]];
        shapes.extend(self.filters.iter().flat_map(|filters| filters.shapes()));
        self.weight = shaped(from.required_in("weight", &shapes), (rows, columns));
        let bias = if self.declared == Bias::None && !from.is_own() {
            from.optional("bias", &[rows]).unwrap_or_else(|| vec![0.0; rows])
        } else {
            from.required("bias", &[rows])
        };
        self.bias = Array1::from_vec(bias);
        self.scale = from.positive("scale", self.scales())?.map(Array1::from_vec);
        let mask = from.optional_in("mask", &shapes);
        self.mask = mask.map(|mask| shaped(mask, (rows, columns)).mapv(|one: f32| one != 0.0));
        self.apply_mask();
        self.hold = match (from.noted("bias"), self.declared) {
            (Some(FREE), Bias::Free | Bias::Centred | Bias::Clipped) | (Some(NONE), Bias::Free) => Bias::Free,
            (Some(CENTRED), Bias::Centred | Bias::Clipped) => Bias::Centred,
            (Some(CLIPPED), Bias::Centred | Bias::Clipped) => Bias::Clipped,
            (_, declared) => declared,
        };
        self.limits.max_l1 = self.declared_l1;
        let budget = from.noted(MAX_L1).and_then(|budget| budget.parse().ok());
        if self.scale.is_some() {
            self.agrees(budget, from)?;
        }
        self.limits.max_l1 = tighter(budget, self.declared_l1);
        Ok(())
    }

    fn store(&self, layer: LayerMut<'_>) {
        if let Some(state) = layer.state::<Self>() {
            state.clone_from(self);
        }
    }
}

impl Operation for LinearState {
    type Kernel = Product;
    type Integers = Integers;

    fn kernel(&self, at: At<'_>, mode: Mode) -> Product {
        let has_affine = mode.precision == Precision::Float || at.is_last();
        Product {
            weights: Array2::zeros(self.weight.dim()),
            used: self.used_rows(),
            sliding: self.filters.as_ref().map(|filters| Sliding::new(filters, mode.batch)),
            row_sums: vec![0.0; self.bias.len()],
            affine: has_affine.then(|| Affine::new(at.width)),
        }
    }

    fn refresh(&self, product: &mut Product, refresh: &mut Refresh<'_>) -> Result<(), NetworkError> {
        match refresh.precision {
            Precision::Float => {
                product.weights.assign(&self.weight);
                self.scale_rows(&mut product.weights);
            }
            Precision::Quantized => {
                let limits = match refresh.max_nonzero {
                    Some(count) if self.limits.max_l1.is_none() => {
                        RowLimits { max_nonzero: count.max(self.limits.max_nonzero), ..self.limits }
                    }
                    _ => self.limits,
                };
                self.round_into(&limits, refresh.rounders, &mut product.weights);
                let width = product.weights.ncols();
                let rows = slice(&product.weights).chunks_exact(width);
                for (sum, row) in product.row_sums.iter_mut().zip(rows) {
                    *sum = exact_sum(row, |weight| weight);
                }
            }
        }
        let Product { affine, row_sums, .. } = product;
        if let Some(affine) = affine {
            match refresh.precision {
                Precision::Float => {
                    affine.set(self.bias.iter().map(|&bias| Dequantize::biased(1.0, bias)));
                }
                Precision::Quantized => {
                    self.dequantize_into(refresh.at, row_sums, refresh.channels)?;
                    affine.set(refresh.channels.iter().copied());
                }
            }
        }
        Ok(())
    }

    fn integers(&self, at: At<'_>) -> Result<Integers, NetworkError> {
        self.units(at)?;
        Ok(Integers {
            weights: LinearState::integers(self),
            filters: self.filters.clone(),
            inputs: at.input_levels()?.1,
        })
    }
}
