//! Runs a program on batches.

use ndarray::{Array2, ArrayView2};

use super::{
    error::NetworkError,
    matrix::{head, slice, slice_mut},
    noise::Noise,
    ops::{
        Kernel,
        affine::Affine,
        norm::normalized,
        operation::{At, Batch, Context, Mode, Refresh},
    },
    precision::{Precision, Statistics},
    program::Program,
};
use crate::{
    Seed,
    quant::{row::RowRounder, transition::Dequantize},
};

/// A program with numbers ready and memory for a batch.
#[derive(Clone, Debug)]
pub(crate) struct Runner {
    mode: Mode,
    pub(crate) kernels: Vec<Kernel>,
    /// The node that each node reads.
    pub(crate) sources: Vec<Option<usize>>,
    /// The output of each node, `[batch, width]`.
    pub(crate) outputs: Vec<Array2<f32>>,
    /// What sums are off by.
    pub(crate) noise: Option<Noise>,
    /// What turns the numbers that the last node gives into those of the user; `None` where that node does it, in training.
    decoder: Option<Affine>,
    rounders: Vec<RowRounder>,
    /// What the sums of whichever node is refreshed stand for.
    channels: Vec<Dequantize>,
}

impl Runner {
    /// # Errors
    /// When a quantized run meets a layer that is not calibrated.
    pub(crate) fn new(program: &Program, precision: Precision, batch: usize) -> Result<Self, NetworkError> {
        Self::with(program, Mode { precision, statistics: Statistics::Running, batch, seed: Seed(0) })
    }

    /// A runner that normalises with the statistics of each batch, and leaves out numbers by a seed where there is dropout.
    ///
    /// # Errors
    /// When a quantized run meets a layer that is not calibrated.
    pub(crate) fn training(
        program: &Program,
        precision: Precision,
        batch: usize,
        seed: Seed,
    ) -> Result<Self, NetworkError> {
        Self::with(program, Mode { precision, statistics: Statistics::Batch, batch, seed })
    }

    /// A runner whose outputs are in the units of the targets, with the very arithmetic of the client that decrypts them.
    ///
    /// # Errors
    /// When a quantized run meets a layer that is not calibrated.
    pub(crate) fn decoding(
        program: &Program,
        precision: Precision,
        batch: usize,
    ) -> Result<Self, NetworkError> {
        let mode = Mode { precision, statistics: Statistics::Running, batch, seed: Seed(0) };
        let decoder = Some(Affine::new(program.outputs()));
        Self::prepared(program, Self { decoder, ..Self::empty(mode) })
    }

    fn with(program: &Program, mode: Mode) -> Result<Self, NetworkError> {
        Self::prepared(program, Self::empty(mode))
    }

    fn prepared(program: &Program, mut runner: Self) -> Result<Self, NetworkError> {
        for _ in &program.nodes {
            runner.push(program);
        }
        runner.refresh(program, None)?;
        Ok(runner)
    }

    /// A runner of no node yet.
    pub(crate) const fn empty(mode: Mode) -> Self {
        Self {
            mode,
            kernels: Vec::new(),
            sources: Vec::new(),
            outputs: Vec::new(),
            noise: None,
            decoder: None,
            rounders: Vec::new(),
            channels: Vec::new(),
        }
    }

    /// Takes the next node of the program, which is to be [refreshed](Runner::refresh_node) before it runs.
    pub(crate) fn push(&mut self, program: &Program) {
        let index = self.kernels.len();
        let node = &program.nodes[index];
        self.kernels.push(node.op.kernel(self.at(program, index), self.mode));
        self.sources.push(node.from);
        self.outputs.push(Array2::zeros((self.mode.batch, node.width)));
    }

    /// Reads every number of the program again; `max_nonzero` replaces the limit of rows that have no budget.
    ///
    /// # Errors
    /// When a quantized run meets a layer that is not calibrated.
    pub(crate) fn refresh(
        &mut self,
        program: &Program,
        max_nonzero: Option<usize>,
    ) -> Result<(), NetworkError> {
        for index in 0..self.kernels.len() {
            self.refresh_node(program, index, max_nonzero)?;
        }
        self.refresh_decoder(program)
    }

    fn at<'p>(&self, program: &'p Program, index: usize) -> At<'p> {
        At { gives_integers: self.decoder.is_some(), ..program.at(index) }
    }

    fn refresh_decoder(&mut self, program: &Program) -> Result<(), NetworkError> {
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        match self.mode.precision {
            Precision::Float => decoder.set([Dequantize::plain(1.0)].into_iter()),
            Precision::Quantized => {
                read(program, &self.kernels, program.nodes.len() - 1, &mut self.channels)?;
                decoder.set(self.channels.iter().copied());
            }
        }
        if let Some(scaling) = program.scaling() {
            scaling.fold_into(&mut decoder.units, &mut decoder.biases);
        }
        Ok(())
    }

    /// Reads the numbers of one node again.
    ///
    /// # Errors
    /// When a quantized run meets a layer that is not calibrated.
    pub(crate) fn refresh_node(
        &mut self,
        program: &Program,
        index: usize,
        max_nonzero: Option<usize>,
    ) -> Result<(), NetworkError> {
        let at = self.at(program, index);
        let (before, rest) = self.kernels.split_at_mut(index);
        let mut refresh = Refresh {
            at,
            precision: self.mode.precision,
            max_nonzero,
            read: &|index, channels| read(program, before, index, channels),
            channels: &mut self.channels,
            rounders: &mut self.rounders,
        };
        program.nodes[index].op.refresh(&mut rest[0], &mut refresh)
    }

    /// Multiplications that one sample takes.
    pub(crate) fn multiplications(&self) -> usize {
        self.kernels.iter().map(|kernel| kernel.get().multiplications()).sum()
    }

    /// Runs a batch `[n, features]` with `n` at most the batch allocated; the outputs are `[n, outputs]`.
    pub(crate) fn run(&mut self, features: &ArrayView2<'_, f32>) -> ArrayView2<'_, f32> {
        let count = features.nrows();
        for index in 0..self.kernels.len() {
            self.run_node(index, features);
        }
        let last = self.outputs.len() - 1;
        if let Some(decoder) = &self.decoder {
            let width = self.outputs[last].ncols();
            decoder.run(&mut slice_mut(&mut self.outputs[last])[..count * width]);
        }
        if let Some(noise) = &mut self.noise {
            let width = self.outputs[last].ncols();
            let outputs = &mut slice_mut(&mut self.outputs[last])[..count * width];
            noise.on_outputs((&self.kernels, &self.sources), outputs, width);
        }
        head(&self.outputs[last], count)
    }

    /// What the node at `index` read of what the node at `from` gave.
    pub(crate) fn read(&self, index: usize, from: usize) -> &[f32] {
        self.noise.as_ref().and_then(|noise| noise.read(index)).unwrap_or_else(|| slice(&self.outputs[from]))
    }

    /// Runs one node on a batch that the nodes before it have run.
    pub(crate) fn run_node(&mut self, index: usize, features: &ArrayView2<'_, f32>) {
        let count = features.nrows();
        let from = self.sources[index];
        let (before, rest) = self.outputs.split_at_mut(index);
        let (kernels, kernel) = self.kernels.split_at_mut(index);
        let given = from.map_or(&[][..], |from| &slice(&before[from])[..count * before[from].ncols()]);
        let read = match (&mut self.noise, kernel[0].get().staircase()) {
            (Some(noise), Some(staircase)) => {
                noise.on_sums(index, staircase, (kernels, &self.sources), given)
            }
            _ => given,
        };
        kernel[0].get_mut().run(Batch {
            features: features.view(),
            before,
            from,
            read,
            count,
            output: &mut rest[0],
        });
    }
}

/// Writes what the numbers that the node at `index` gives stand for to `channels`.
///
/// # Errors
/// When it is not calibrated.
fn read(
    program: &Program,
    kernels: &[Kernel],
    index: usize,
    channels: &mut Vec<Dequantize>,
) -> Result<(), NetworkError> {
    if kernels.get(index).is_some_and(|kernel| kernel.get().normalized()) {
        channels.clear();
        channels.push(normalized(program.hold(index)));
        return Ok(());
    }
    let row_sums = kernels.get(program.source(index)).map_or(&[][..], |kernel| kernel.get().row_sums());
    program.dequantize_into(index, row_sums, channels)
}
