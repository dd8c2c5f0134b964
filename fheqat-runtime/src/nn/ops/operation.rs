//! What every op answers, each in its own file, and what it may ask of the network around it.

use fheqat_spec::{Bias, Range};
use ndarray::{Array2, ArrayView1, ArrayView2, aview1};

use super::{affine::Affine, route::Route, sliding::SlidingGradients, staircase::Staircase};
use crate::{
    Seed,
    circuit::build::{Builder, OutsideBound, Values},
    nn::{
        error::NetworkError,
        matrix::{slice, slice_mut},
        precision::{Precision, Statistics},
        tensors::{TensorReader, TensorWriter, WeightsError},
        usable::Bad,
    },
    quant::{ClientLayer, Transform, row::RowRounder, transition::Dequantize},
};

/// The factor of an op without scales.
pub(super) const ONE: ArrayView1<'static, f32> = aview1(&[1.0]);

/// The network around an op.
pub(crate) trait Context {
    /// Whether the node at `index` gives the network's output.
    fn is_last(&self, index: usize) -> bool;

    /// The levels that the node at `index` gives; `None` where it gives sums.
    fn reached(&self, index: usize) -> Option<Range>;

    /// What a unit of the levels that the node at `index` gives, or adds, stands for.
    fn step(&self, index: usize) -> Result<f32, NetworkError>;

    /// Step and range of the levels that the node at `index` gives.
    fn levels(&self, index: usize) -> Result<(f32, Range), NetworkError>;

    /// How the bias of the linear layer at `index`, or in front of the batch normalisation there, is held, quantized.
    fn hold(&self, index: usize) -> Bias;

    /// Writes what the integers of the node at `index` stand for to `channels`: one for each neuron, filter or normalised
    /// channel where it has such, else one for all; the integer weights behind them sum to `row_sums`.
    fn dequantize_into(
        &self,
        index: usize,
        row_sums: &[f32],
        channels: &mut Vec<Dequantize>,
    ) -> Result<(), NetworkError>;

    /// What the integers of the node at `index` stand for, with the weights as they are now.
    fn dequantized(&self, index: usize) -> Result<Vec<Dequantize>, NetworkError>;

    /// Whether the client makes levels of what the node at `index` reads.
    fn encodes(&self, index: usize) -> bool;

    /// What the client runs between the features and the node at `index`.
    fn client_layers(&self, index: usize) -> Vec<ClientLayer>;

    /// What features go through before the layer of the client at `index` reads them.
    fn transform_before(&self, index: usize) -> Transform;

    /// The error of a node that no data has calibrated.
    fn not_calibrated(&self, index: usize) -> NetworkError;
}

/// The place of an op in a network.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) network: &'a dyn Context,
    pub(crate) index: usize,
    /// The node it reads, or the first of them; `None` for the network's input.
    pub(crate) from: Option<usize>,
    /// Numbers out.
    pub(crate) width: usize,
    /// Whether the network's last node gives integers, which the runner decodes.
    pub(crate) gives_integers: bool,
}

impl At<'_> {
    /// Whether it gives the network's outputs in their own units.
    pub(super) fn is_last(&self) -> bool {
        !self.gives_integers && self.network.is_last(self.index)
    }

    pub(super) fn step(&self) -> Result<f32, NetworkError> {
        self.network.step(self.index)
    }

    /// Step and levels of what it reads.
    pub(super) fn input_levels(&self) -> Result<(f32, Range), NetworkError> {
        self.network.levels(self.from.ok_or_else(|| self.network.not_calibrated(self.index))?)
    }

    /// The step, where levels are the network's output; else 1.
    pub(super) fn output_unit(&self, precision: Precision) -> Result<f32, NetworkError> {
        if precision == Precision::Quantized && self.is_last() { self.step() } else { Ok(1.0) }
    }
}

/// How the numbers that a node gives follow from what it reads and has learned.
pub(crate) trait State {
    /// The nodes it reads where it may read several; else it reads the one that its node names.
    fn operands(&self) -> Option<&[usize]> {
        None
    }

    /// Whether it adds levels, whose step its sums have.
    fn adds_levels(&self) -> bool {
        false
    }

    /// The levels it gives; `None` where it gives sums.
    fn reached(&self, at: At<'_>) -> Option<Range>;

    /// Factors and a step: one unit of its integers stands for a factor times the step, for each of its rows or for all; where
    /// they stand for an average, so do as many units as it is of.
    ///
    /// # Errors
    /// When it, or what it reads, is not calibrated.
    fn units(&self, at: At<'_>) -> Result<(ArrayView1<'_, f32>, f32), NetworkError> {
        Ok((ONE, at.step()?))
    }

    /// [`Context::dequantize_into`] for this node.
    ///
    /// # Errors
    /// When it, or what it reads, is not calibrated.
    fn dequantize_into(
        &self,
        at: At<'_>,
        _row_sums: &[f32],
        channels: &mut Vec<Dequantize>,
    ) -> Result<(), NetworkError> {
        let (scales, step) = self.units(at)?;
        channels.clear();
        channels.extend(scales.into_iter().map(|scale| Dequantize::plain(scale * step)));
        Ok(())
    }

    /// How many numbers it adds up with a weight of one; `None` where it gives levels, which are exact.
    fn ones(&self) -> Option<usize>;

    /// Puts what it has learned back into the units of its layer, and forgets steps that nobody fixed.
    fn make_float(&mut self) {}

    /// A number that it has learned and cannot run with.
    fn unusable(&self) -> Option<Bad> {
        None
    }

    /// Memory for the slopes of what it learns, of `gains` gains and batches of `batch` samples.
    fn slopes(&self, gains: usize, _batch: usize) -> Slopes {
        Slopes { log_gains: vec![0.0; gains], ..Slopes::default() }
    }

    /// Takes the weights of the rows `removed` away, and every weight that reads numbers which are `gone`, by node. Gives which of
    /// its own numbers are gone then.
    fn remove(&mut self, ends: Ends, gone: &[Vec<bool>], removed: &[usize]) -> Vec<bool>;

    /// Writes what it has learned; `owner` names the quantizer whose step its levels have, or those that it adds.
    fn save(&self, _owner: Option<&'static str>, _to: &mut TensorWriter) {}

    /// Reads what [`State::save`] wrote.
    ///
    /// # Errors
    /// When a tensor is missing, or is none that this op can have.
    fn load(&mut self, _at: AtLoad, _from: &mut TensorReader<'_>) -> Result<(), WeightsError> {
        Ok(())
    }

    /// Writes its state to the layer it came from.
    fn store(&self, _layer: crate::nn::module::LayerMut<'_>) {}
}

/// What an op reads, and how many numbers it gives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// The node it reads, or the first of them; `None` for the network's input.
    pub(crate) from: Option<usize>,
    /// Numbers out.
    pub(crate) width: usize,
}

/// Where an op stands that reads a file of weights.
#[derive(Clone, Copy)]
pub(crate) struct AtLoad {
    /// The quantizer whose step its levels have, or those that it adds.
    pub(crate) owner: Option<&'static str>,
    pub(crate) owns_step: bool,
    /// Features of a sample, where it encodes the network's input.
    pub(crate) features: Option<usize>,
    /// Numbers that it reads.
    pub(crate) reads: usize,
}

/// An op that runs, with its numbers ready for batches, and lowers.
pub(crate) trait Operation: State {
    /// What runs batches.
    type Kernel: Run;
    /// What runs encrypted.
    type Integers: Exact;

    /// Memory for batches; its numbers are set by [`Operation::refresh`].
    fn kernel(&self, at: At<'_>, mode: Mode) -> Self::Kernel;

    /// Reads every number again.
    ///
    /// # Errors
    /// When a quantized run meets a layer that is not calibrated.
    fn refresh(&self, kernel: &mut Self::Kernel, refresh: &mut Refresh<'_>) -> Result<(), NetworkError>;

    /// Learns what is not learned by gradient from a batch that has just run.
    fn observe(&mut self, _kernel: &Self::Kernel) {}

    /// The op once its integers are fixed.
    ///
    /// # Errors
    /// When it, or what it reads, is not calibrated.
    fn integers(&self, at: At<'_>) -> Result<Self::Integers, NetworkError>;
}

/// How batches are to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    pub(crate) precision: Precision,
    pub(crate) statistics: Statistics,
    /// Most samples of a batch.
    pub(crate) batch: usize,
    /// What is random in training comes from it.
    pub(crate) seed: Seed,
}

/// Writes what the integers of a node stand for.
type ReadInto<'a> = dyn Fn(usize, &mut Vec<Dequantize>) -> Result<(), NetworkError> + 'a;

/// What an op reads its numbers with.
pub(crate) struct Refresh<'a> {
    pub(crate) at: At<'a>,
    pub(crate) precision: Precision,
    /// Replaces the limit of rows that have no budget.
    pub(crate) max_nonzero: Option<usize>,
    /// Writes what the integers of a node before, or of this one, stand for.
    pub(crate) read: &'a ReadInto<'a>,
    /// Memory for that.
    pub(crate) channels: &'a mut Vec<Dequantize>,
    pub(crate) rounders: &'a mut Vec<RowRounder>,
}

impl Refresh<'_> {
    /// What the integers of the node at `index` stand for.
    ///
    /// # Errors
    /// When it is not calibrated.
    pub(super) fn read(&mut self, index: usize) -> Result<&[Dequantize], NetworkError> {
        (self.read)(index, self.channels)?;
        Ok(self.channels)
    }
}

/// What a node makes of batches.
pub(crate) trait Run {
    /// Fills the first rows of the output.
    fn run(&mut self, batch: Batch<'_>);

    /// Passes the slopes of its output on to what it read and to what it learns.
    fn back(&self, back: Back<'_>);

    /// Multiplications that one sample takes.
    fn multiplications(&self) -> usize {
        0
    }

    /// The weights of which it gives the sums, `[out, in]`.
    fn weights(&self) -> Option<&Array2<f32>> {
        None
    }

    /// The sum of each row of its integer weights.
    fn row_sums(&self) -> &[f32] {
        &[]
    }

    /// The staircases that read sums.
    fn staircase(&self) -> Option<&Staircase> {
        None
    }

    /// What turns its sums into the network's output.
    fn affine(&self) -> Option<&Affine> {
        None
    }

    /// What one unit of the integers behind each of its numbers adds to it.
    fn units(&self) -> Units<'_> {
        Units::All(1.0)
    }

    /// What it stands for where it normalises a batch in training, and hands on no integers.
    fn normalized(&self) -> bool {
        false
    }
}

/// What one unit of the integers behind each number adds to it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Units<'a> {
    /// The same for all numbers.
    All(f32),
    /// One for each number.
    Each(&'a [f32]),
    /// One for each number, times that of the number it reads.
    TimesRead(&'a [f32]),
}

/// A batch that a node runs.
pub(crate) struct Batch<'a> {
    /// `[count, features]`.
    pub(crate) features: ArrayView2<'a, f32>,
    /// The outputs of the nodes before, `[batch, width]`.
    pub(crate) before: &'a [Array2<f32>],
    /// The node it reads, or the first of them.
    pub(crate) from: Option<usize>,
    /// The rows of what it reads, `[count, width]`, with noise where there is some; nothing where it reads features.
    pub(crate) read: &'a [f32],
    /// Samples.
    pub(crate) count: usize,
    /// `[batch, width]`.
    pub(crate) output: &'a mut Array2<f32>,
}

/// Slopes on their way back through a node, for a batch that has just run.
pub(crate) struct Back<'a> {
    pub(crate) at: At<'a>,
    /// Samples.
    pub(crate) count: usize,
    /// What each node gave, `[batch, width]`.
    pub(crate) outputs: &'a [Array2<f32>],
    /// What it read, with noise; nothing where it read features.
    pub(crate) read: &'a [f32],
    /// By what it gave, `[batch, width]`.
    pub(crate) slopes: &'a mut Array2<f32>,
    /// By what the nodes before gave.
    pub(crate) before: &'a mut [Array2<f32>],
    /// One for each operand.
    pub(crate) routes: &'a [Route],
    /// By what it learns.
    pub(crate) own: &'a mut Slopes,
    /// Memory for a number of each of its own.
    pub(crate) numbers: &'a mut Vec<f32>,
}

impl Back<'_> {
    /// That of its only operand.
    pub(super) fn route(&self) -> Route {
        self.routes.first().copied().unwrap_or(Route::Nothing)
    }

    /// Of each sample the slopes by its only operand, to which it adds, and the slopes by what it gave. Empty where nothing in front
    /// of it learns.
    pub(super) fn samples(&mut self) -> impl Iterator<Item = (&mut [f32], &[f32])> {
        let route = self.route();
        let (to, width) = match self.at.from {
            Some(from) if route != Route::Nothing => {
                let width = self.before[from].ncols();
                (slice_mut(&mut self.before[from]), width)
            }
            _ => (&mut [][..], 1),
        };
        if route == Route::Write {
            to.fill(0.0);
        }
        let slopes = slice(self.slopes).chunks_exact(self.at.width).take(self.count);
        to.chunks_exact_mut(width).zip(slopes)
    }

    /// Numbers that it gave.
    pub(super) fn length(&self) -> usize {
        self.count * self.at.width
    }
}

/// Slopes by what one node learns; nothing where it learns nothing of a kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slopes {
    /// By the weights in integer units, `[out, in]`.
    pub(crate) weights: Array2<f32>,
    /// By a constant added to each of a linear layer's sums, or to each normalised channel.
    pub(crate) biases: Vec<f32>,
    /// By what each normalised channel is multiplied by.
    pub(crate) gammas: Vec<f32>,
    /// By the logarithms of a quantizer's gains, or of the last layer's units: as many as train.
    pub(crate) log_gains: Vec<f32>,
    /// By the logarithm of the levels that one unit of a function's value makes.
    pub(crate) log_rise: f32,
    /// Memory of a convolution.
    pub(crate) filters: Option<SlidingGradients>,
}

/// What each number has, summed to as many parts as there are.
pub(super) fn gather(numbers: &[f32], parts: &mut [f32]) {
    if parts.is_empty() {
        return;
    }
    let positions = numbers.len() / parts.len();
    for (part, numbers) in parts.iter_mut().zip(numbers.chunks_exact(positions)) {
        *part = numbers.iter().sum();
    }
}

/// What each channel has, for each of its numbers.
pub(crate) fn for_each_number<T: Clone>(channels: &[T], width: usize) -> Vec<T> {
    let positions = width / channels.len().max(1);
    channels.iter().flat_map(|channel| std::iter::repeat_n(channel.clone(), positions)).collect()
}

/// An op whose integers are fixed: what runs encrypted.
pub(crate) trait Exact {
    /// Its integers for one sample: `values` are those of the nodes before.
    fn run(&self, sample: &[f32], values: &[Vec<i64>], operand: &[i64]) -> Vec<i64>;

    /// Its numbers as sums of wires.
    ///
    /// # Errors
    /// When a trained neuron leaves the range that the laws gave its layer.
    fn lower(&self, lowering: Lowering<'_>) -> Result<Values, OutsideBound>;

    /// The largest sum of absolute weights of a row, where there are weights.
    fn row_sum(&self) -> Option<i64> {
        None
    }
}

/// Where an op lowers to.
pub(crate) struct Lowering<'a> {
    pub(crate) builder: &'a mut Builder,
    /// The numbers of the nodes before.
    pub(crate) values: &'a [Values],
    /// Those that it reads, or of the first that it reads.
    pub(crate) operand: &'a Values,
    pub(crate) name: &'a str,
    /// The name of what it reads, and what the laws allow its sums.
    pub(crate) reads: (&'a str, Range),
    /// How far sums may be off, in steps of the levels that they become.
    pub(crate) tolerance: f64,
}
