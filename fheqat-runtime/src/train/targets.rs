//! Targets as training sees them.

use std::borrow::Cow;

use fheqat_spec::Known;

use super::error::TrainError;
use crate::{
    circuit::Task,
    data::{Dataset, Targets},
    nn::{
        ops::Op,
        program::Program,
        targets::{TargetScaling, TargetState},
    },
};

/// Takes what `program` keeps of its targets, or measures those of `data`: numbers are learned in their standard deviations, and
/// put back into their units where the network's outputs are decoded. A network whose outputs have a step that the user fixed
/// learns them as they are, and so does one that was trained before without that.
///
/// # Errors
/// When a number is too large to be put back.
pub(super) fn learn(program: &mut Program, data: &Dataset) -> Result<TargetState, TrainError> {
    let never_negative = gives_nothing_negative(program);
    let is_open = !has_fixed_outputs(program) && !is_trained(program);
    let Some(kept) = program.targets_mut() else { return Ok(TargetState::default()) };
    let mut targets = std::mem::take(kept);
    targets.task = task(data);
    let Targets::Values(values) = data.targets() else {
        targets.scaling = None;
        return Ok(targets);
    };
    if let Some(((row, output), &value)) =
        values.indexed_iter().find(|(_, value)| value.abs() > TargetScaling::LARGEST)
    {
        return Err(TrainError::Target { row, output, value });
    }
    match &mut targets.scaling {
        Some(scaling) => scaling.refresh(&values.view(), never_negative),
        None if is_open => targets.scaling = Some(TargetScaling::of(&values.view(), never_negative)),
        None => {}
    }
    Ok(targets)
}

/// The data with numbers as the network learns them.
pub(super) fn learned<'d>(targets: &TargetState, data: &'d Dataset) -> Cow<'d, Dataset> {
    match (&targets.scaling, data.targets()) {
        (Some(scaling), Targets::Values(values)) => {
            Cow::Owned(data.with_values(scaling.standardised(&values.view())))
        }
        _ => Cow::Borrowed(data),
    }
}

/// What a network that learns such data answers.
pub(super) fn task(data: &Dataset) -> Task {
    let names = || data.class_names().to_vec().into();
    match data.targets() {
        Targets::Classes { .. } => Task::Classes(names()),
        Targets::Labels(_) => Task::Labels(names()),
        Targets::Values(_) => Task::Numbers,
    }
}

/// # Errors
/// When classes or labels have names that are neither the network's nor plain numbers.
pub(crate) fn check_names(program: &Program, data: &Dataset) -> Result<(), TrainError> {
    check_task(&program.task(), &task(data))
}

/// # Errors
/// When classes or labels that are found have names that are neither those that were kept nor plain numbers.
pub(super) fn check_task(kept: &Task, found: &Task) -> Result<(), TrainError> {
    let what = match (kept, found) {
        (Task::Classes(_), Task::Classes(_)) => "class",
        (Task::Labels(_), Task::Labels(_)) => "label",
        _ => return Ok(()),
    };
    let are_numbers =
        |names: &[String]| names.iter().enumerate().all(|(index, name)| *name == index.to_string());
    let (expected, found) = (kept.names(), found.names());
    if are_numbers(expected) || are_numbers(found) {
        return Ok(());
    }
    match expected.iter().zip(found).position(|(expected, found)| expected != found) {
        Some(index) => Err(TrainError::Names {
            what,
            index,
            found: found[index].clone(),
            expected: expected[index].clone(),
        }),
        None => Ok(()),
    }
}

fn gives_nothing_negative(program: &Program) -> bool {
    match program.facts().last().map(|fact| fact.range) {
        Some(Known::Now(range)) => range.lo >= 0,
        Some(Known::Later) | None => false,
    }
}

fn has_fixed_outputs(program: &Program) -> bool {
    let owner = program.owner(program.nodes.len() - 1);
    owner.is_some_and(
        |owner| matches!(&program.nodes[owner].op, Op::Quantizer(state) if state.fixed.is_some()),
    )
}

fn is_trained(program: &Program) -> bool {
    (0..program.nodes.len()).filter_map(|index| program.linear(index)).any(|state| state.scale.is_some())
}
