//! What a network has learned, as a file of tensors named `field.part`.
//!
//! A layer has `weight` `[out, in]` in units of its `scale` `[1]`, or `[out]` where each row has its own, `bias` `[out]` and,
//! pruned, `mask` `[out, in]` of ones and zeros, where `in` of a convolution is the fan-in of a filter; a quantizer has `step`
//! `[1]` unless it has that of another, and `levels` `[2]`, the least and the greatest, where training left some of them out. What
//! reads the network's input has notes which `encoder` it is, what the `features` are, and which `transform` they go through;
//! `mean` and `deviation` `[features]` where that is to standardise or whiten, and `components` `[features, kept]` and `offset` `[1]`
//! where it is to whiten. A layer that the client runs has `weight` and `bias`. Beside the weights of filters the metadata note their
//! `stride`, `padding` and `groups`. A thermometer has `thresholds` `[channels, bits]` and a note `categories`. A batch normalisation has `weight`, `bias`,
//! `running_mean` and `running_var`, `[channels]` each. The last layer with weights has `target_offset` and `target_deviation`
//! `[outputs]` where the network predicts numbers, its outputs times the one and plus the other. A scale or step that nothing has
//! chosen yet is left out. The metadata, in the order of names, say of a layer that is calibrated what its numbers mean: the `range`
//! of its integers, how its `bias` is held, its `max_l1` and `max_nonzero`; of a quantizer the `range` of its declared levels, its
//! `function`, and whose `scale` it has; of the last layer with weights, what the outputs answer, with the names of classes. A network
//! that declares something else refuses the file. Tensors of 64 bits are rounded, those of 16 bits read as they are.

#[cfg(test)]
mod tests;

use std::path::Path;

use fheqat_spec::Bias;
use ndarray::Array1;

use super::{
    misfit::Misfit,
    ops::{
        Op,
        operation::{AtLoad, Context},
    },
    program::Program,
    pytorch::Holder,
    targets::TargetState,
    tensors::{TensorReader, TensorWriter, WeightsError},
};
use crate::file;

/// Writes what a network has learned.
///
/// # Errors
/// When the file cannot be written; then nothing is.
pub(crate) fn save(program: &Program, path: &Path) -> Result<(), WeightsError> {
    let mut writer = TensorWriter::default();
    for (index, node) in program.nodes.iter().enumerate() {
        writer.start(node.name);
        node.op.state().save(owner(program, index), &mut writer);
    }
    if let (Some(name), Some(targets)) = (last_with_weights(program), program.targets()) {
        writer.start(name);
        targets.save(&mut writer);
    }
    let bytes = writer.finish()?;
    Ok(file::write(path, |to| to.write_all(&bytes))?)
}

/// Reads what [`save`] wrote, or the weights of a network of `PyTorch`, whose names [`pytorch`](super::pytorch) maps.
///
/// # Errors
/// When the file cannot be read, is not safetensors, or holds another network.
pub(crate) fn load(program: &mut Program, path: &Path) -> Result<(), WeightsError> {
    load_bytes(program, &file::read(path)?)
}

/// The same of bytes.
///
/// # Errors
/// When they are not safetensors, or hold another network.
pub(crate) fn load_bytes(program: &mut Program, bytes: &[u8]) -> Result<(), WeightsError> {
    let mut reader = TensorReader::new(bytes, &holders(program), is_chain(program))?;
    let is_own = reader.is_own();
    let mut failed = None;
    let owners: Vec<Option<&str>> = (0..program.nodes.len()).map(|index| owner(program, index)).collect();
    let features = program.features;
    for (index, owner) in owners.into_iter().enumerate() {
        let name = program.nodes[index].name;
        reader.start(name);
        let at = AtLoad {
            owner,
            owns_step: owner == Some(name),
            features: program.encodes(index).then_some(features),
            reads: program.nodes[index].from.map_or(features, |from| program.nodes[from].width),
        };
        let loaded = program.nodes[index].op.state_mut().load(at, &mut reader);
        failed = failed.or(loaded.err().map(|error| (reader.fits(), error)));
    }
    let (name, outputs) = (last_with_weights(program), program.outputs());
    if let (Some(name), Some(targets)) = (name, program.targets_mut()) {
        reader.start(name);
        match TargetState::load(&mut reader, outputs) {
            Ok(loaded) => *targets = loaded,
            Err(error) => failed = failed.or(Some((reader.fits(), error))),
        }
    }
    if !is_own {
        fold_biases(program, &mut reader);
    }
    // Tensors of a network that declares something else do not fit because of that.
    match failed {
        Some((true, error)) if error.is_of_a_note() => Err(error),
        failed => {
            reader.finish()?;
            failed.map_or(Ok(()), |(_, error)| Err(error))?;
            Ok(program.check()?)
        }
    }
}

/// The fields that have tensors of their own in the file of another library.
fn holders(program: &Program) -> Vec<Holder> {
    let nodes = program.nodes.iter();
    nodes
        .map(|node| Holder {
            name: node.name,
            has_weights: node.op.has_weights(),
            keeps_mask: matches!(node.op, Op::Linear(_)),
        })
        .collect()
}

/// Whether each field reads the one before it.
fn is_chain(program: &Program) -> bool {
    (1..program.nodes.len()).all(|index| program.operands(index) == [index - 1])
}

/// A layer without a bias in front of batch normalisations may have one in the file: `(w x + b) - mean` is `w x - (mean - b)`.
fn fold_biases(program: &mut Program, reader: &mut TensorReader<'_>) {
    for index in 0..program.nodes.len() {
        let readers: Vec<usize> = program.readers(index).collect();
        let is_normalized = program.is_normalized(index);
        let node = &mut program.nodes[index];
        let name = node.name;
        let Op::Linear(state) = &mut node.op else { continue };
        if state.declared != Bias::None || state.bias.iter().all(|&bias| bias == 0.0) {
            continue;
        }
        if !is_normalized {
            reader.refuse(Misfit::Bias { field: name.to_owned() });
            continue;
        }
        let zeros = Array1::zeros(state.bias.len());
        let bias = std::mem::replace(&mut state.bias, zeros);
        for reader in readers {
            if let Op::Norm(norm) = &mut program.nodes[reader].op {
                norm.mean -= &bias;
            }
        }
    }
}

fn last_with_weights(program: &Program) -> Option<&'static str> {
    (0..program.nodes.len())
        .rev()
        .find(|&index| program.linear(index).is_some())
        .map(|index| program.nodes[index].name)
}

fn owner(program: &Program, index: usize) -> Option<&'static str> {
    program.owner(index).map(|owner| program.nodes[owner].name)
}
