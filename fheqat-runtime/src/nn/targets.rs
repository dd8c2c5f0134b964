//! What a network keeps of the targets that it was trained on, beside its layers' weights.

use ndarray::{Array2, ArrayView2, Axis};

use super::tensors::{TensorReader, TensorWriter, WeightsError};
use crate::circuit::Task;

const TASK: &str = "task";
const OFFSET: &str = "target_offset";
const DEVIATION: &str = "target_deviation";

/// What a network keeps of the targets that it was trained on. It is kept by the last layer with weights, which every network
/// that can be trained has.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TargetState {
    /// What the outputs answer.
    pub(crate) task: Task,
    /// The units of numbers to predict; `None` where the network gives them as they are.
    pub(crate) scaling: Option<TargetScaling>,
}

/// From what a network gives to numbers in the user's units: `number = output * deviation + offset`, of each output.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TargetScaling {
    offset: Vec<f32>,
    /// Zero where all targets are one number, which is then the offset, so that it is predicted exactly.
    deviation: Vec<f32>,
}

impl TargetScaling {
    /// The largest magnitude of a number to predict: a network's outputs, in deviations, stay finite in its units.
    pub(crate) const LARGEST: f32 = 1e30;

    /// Measures targets `[n, outputs]` of at most [`TargetScaling::LARGEST`]. Offsets are their means or, for outputs that are
    /// never negative, the least of them. Sums are in `f64`; what is kept, and a prediction, is exact to 24 bits of its own
    /// size, so numbers that differ by less than `2^-24` of themselves are one number, as they are in the data.
    pub(crate) fn of(values: &ArrayView2<'_, f32>, never_negative: bool) -> Self {
        let (mut offset, mut deviation) = (Vec::new(), Vec::new());
        for column in values.axis_iter(Axis(1)) {
            let least = column.fold(f32::INFINITY, |least, &value| least.min(value));
            let is_constant = column.iter().all(|&value| value <= least);
            let column = column.mapv(f64::from);
            let spread = column.std(0.0) as f32;
            let is_constant = is_constant || spread < f32::MIN_POSITIVE;
            let mean = column.mean().unwrap_or_default() as f32;
            offset.push(if never_negative || is_constant { least } else { mean });
            deviation.push(if is_constant { 0.0 } else { spread });
        }
        Self { offset, deviation }
    }

    /// Measures again those outputs whose targets were all one number.
    pub(crate) fn refresh(&mut self, values: &ArrayView2<'_, f32>, never_negative: bool) {
        let measured = Self::of(values, never_negative);
        let numbers = self.offset.iter_mut().zip(&mut self.deviation);
        for ((offset, deviation), fresh) in numbers.zip(measured.offset.iter().zip(&measured.deviation)) {
            if *deviation <= 0.0 {
                (*offset, *deviation) = (*fresh.0, *fresh.1);
            }
        }
    }

    /// From numbers `[n, outputs]` to what a network is to give for them.
    pub(crate) fn standardised(&self, values: &ArrayView2<'_, f32>) -> Array2<f32> {
        let mut standardised = values.to_owned();
        for ((_, output), value) in standardised.indexed_iter_mut() {
            let deviation = f64::from(self.deviation[output]);
            let distance = f64::from(*value) - f64::from(self.offset[output]);
            *value = if deviation > 0.0 { (distance / deviation) as f32 } else { 0.0 };
        }
        standardised
    }

    /// Makes `sum * unit + bias` give numbers in the user's units, of each output.
    pub(crate) fn fold_into(&self, units: &mut [f32], biases: &mut [f32]) {
        let outputs = units.iter_mut().zip(biases).zip(self.offset.iter().zip(&self.deviation));
        for ((unit, bias), (offset, deviation)) in outputs {
            *unit *= deviation;
            *bias = *bias * deviation + offset;
        }
    }
}

impl TargetState {
    pub(super) fn save(&self, to: &mut TensorWriter) {
        if let Ok(task) = serde_json::to_string(&self.task) {
            to.note(TASK, &task);
        }
        if let Some(scaling) = &self.scaling {
            for (part, values) in [(OFFSET, &scaling.offset), (DEVIATION, &scaling.deviation)] {
                to.tensor(part, &[values.len()], values);
            }
        }
    }

    /// What [`TargetState::save`] wrote, of a network of so many outputs.
    ///
    /// # Errors
    /// When a tensor or a note is missing, or is none that this can be.
    pub(super) fn load(from: &mut TensorReader<'_>, outputs: usize) -> Result<Self, WeightsError> {
        let task = match from.noted(TASK).map(serde_json::from_str::<Task>) {
            None => Task::default(),
            Some(Ok(task)) if task.fits(outputs) => task,
            Some(Ok(task)) => {
                let reason =
                    format!("it names {} classes, but the network has {outputs} outputs", task.names().len());
                return Err(from.bad_note(TASK, reason));
            }
            Some(Err(error)) => return Err(from.bad_note(TASK, error.to_string())),
        };
        let Some(offset) = from.optional(OFFSET, &[outputs]) else {
            return Ok(Self { task, scaling: None });
        };
        let deviation = from.required(DEVIATION, &[outputs]);
        let is_too_large = |value: &f32| value.abs() > TargetScaling::LARGEST;
        if let Some(index) = offset.iter().position(is_too_large) {
            return Err(from.bad_value(OFFSET, index, offset[index]));
        }
        match deviation.iter().position(|value| *value < 0.0 || is_too_large(value)) {
            Some(index) => Err(from.bad_value(DEVIATION, index, deviation[index])),
            None => Ok(Self { task, scaling: Some(TargetScaling { offset, deviation }) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn decoded(scaling: &TargetScaling, outputs: &Array2<f32>) -> Array2<f32> {
        let mut decoded = outputs.clone();
        for mut row in decoded.rows_mut() {
            let mut biases = row.to_vec();
            scaling.fold_into(&mut vec![0.0; biases.len()], &mut biases);
            row.iter_mut().zip(biases).for_each(|(to, from)| *to = from);
        }
        decoded
    }

    #[test]
    fn each_output_has_mean_0_and_deviation_1_and_comes_back() {
        let values = array![[1e-6, 1e12, -3.0], [3e-6, 1.000_01e12, 5.0], [8e-6, 1.000_02e12, 4.0]];
        let scaling = TargetScaling::of(&values.view(), false);
        let standardised = scaling.standardised(&values.view());
        for column in standardised.columns() {
            let column = column.mapv(f64::from);
            assert!(column.mean().unwrap().abs() < 1e-2 && (column.std(0.0) - 1.0).abs() < 1e-5, "{column}");
        }
        for (found, expected) in decoded(&scaling, &standardised).iter().zip(&values) {
            assert!((found / expected - 1.0).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn a_constant_is_predicted_whatever_the_network_gives() {
        for constant in [0.0, 0.1, -7.3, 1e-40, 1e12, 1e30] {
            let values = Array2::from_elem((1000, 1), constant);
            let scaling = TargetScaling::of(&values.view(), false);
            assert!(scaling.standardised(&values.view()).iter().all(|value| value.to_bits() == 0));
            let found = decoded(&scaling, &array![[0.3], [-5.0]]);
            assert!(
                found.iter().all(|value| value.to_bits() == f32::to_bits(constant)),
                "{constant} {found}"
            );
        }
    }

    /// Of `1e12 + 0 .. 9` an `f32` holds one number; of `1e12` and its neighbour two.
    #[test]
    fn huge_numbers_keep_what_f32_holds_of_them() {
        let nearly = Array2::from_shape_fn((10, 1), |(row, _)| (1e12 + row as f64) as f32);
        assert_eq!(TargetScaling::of(&nearly.view(), false).deviation, [0.0]);
        let apart = array![[1e12], [1e12f32.next_up()], [1e12], [1e12f32.next_up()]];
        let scaling = TargetScaling::of(&apart.view(), false);
        let found = decoded(&scaling, &scaling.standardised(&apart.view()));
        assert!(found.iter().zip(&apart).all(|(found, expected)| (found / expected - 1.0).abs() < 1e-6));
    }

    #[test]
    fn outputs_that_are_never_negative_count_from_the_least() {
        let values = array![[-3.0], [5.0], [4.0]];
        let scaling = TargetScaling::of(&values.view(), true);
        let standardised = scaling.standardised(&values.view());
        assert!(standardised.iter().all(|value| *value >= 0.0) && standardised[[0, 0]].to_bits() == 0);
    }

    #[test]
    fn only_what_was_constant_is_measured_again() {
        let mut scaling = TargetScaling::of(&array![[1.0, 1.0], [1.0, 3.0]].view(), false);
        scaling.refresh(&array![[5.0, 50.0], [9.0, 90.0]].view(), false);
        assert_eq!(scaling, TargetScaling { offset: vec![7.0, 2.0], deviation: vec![2.0, 1.0] });
    }
}
