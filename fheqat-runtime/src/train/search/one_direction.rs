//! One direction for all neurons of a layer.

use fheqat_spec::Bias;
use ndarray::Array1;

use super::{Candidate, Search, Tried, input_step::copy_input_steps, units::every_direction};
use crate::{
    Seed,
    nn::{
        NetworkError,
        ops::{Op, operation::Context},
        program::Program,
    },
    quant::transition::middle,
    train::{
        calibrate::{self, Purpose},
        error::TrainError,
    },
};

/// Directions that a layer may have for each of them to be tried alone.
const DIRECTIONS: usize = 40;
/// Trainings of a network of one direction: about half of them find what one direction can do.
const RESTARTS: u64 = 6;
/// Networks of one direction from which units are removed, the cheapest first.
const FINALISTS: usize = 3;

impl Search<'_> {
    /// Puts all neurons of a layer on one direction of its inputs, each with a threshold of its own: gives the cheapest
    /// networks that are good enough.
    pub(super) fn one_direction(&mut self, found: &Candidate) -> Result<Vec<Candidate>, TrainError> {
        let mut base = self.fresh.clone();
        copy_budgets(&found.program, &mut base);
        let Some((node, directions)) = candidate_layer(&base) else { return Ok(Vec::new()) };
        let field = base.nodes[node].name;
        let calibrated = self.calibrated(&base)?;
        let frozen = [node];
        let config = self.config;
        let plans = directions
            .iter()
            .map(|direction| Ok((direction, 1, on_direction(&base, &calibrated, node, direction)?)))
            .collect::<Result<Vec<_>, TrainError>>()?;
        let (mut plans, mut tried) = self.train_all(&plans, |(_, _, program)| (program, config, &frozen))?;
        let best = plans[self.cheapest(&tried)].0;
        let restarts = (1..RESTARTS)
            .map(|restart| {
                let mut program = base.clone();
                program.redraw(Seed(self.config.seed.0.wrapping_add(restart)));
                let program = on_direction(&program, &self.calibrated(&program)?, node, best)?;
                Ok((best, restart + 1, program))
            })
            .collect::<Result<Vec<_>, TrainError>>()?;
        match self.train_all(&restarts, |(_, _, program)| (program, config, &frozen)) {
            Err(TrainError::OutOfTime { .. }) => {}
            restarted => {
                let (restarts, restarted) = restarted?;
                plans.extend(restarts);
                tried.extend(restarted);
            }
        }
        self.consider(&tried);
        let mut finalists: Vec<usize> =
            (0..tried.len()).filter(|&index| self.is_enough(&tried[index].score)).collect();
        let price = |index: &usize| tried[*index].price.core_seconds;
        finalists.sort_by(|a, b| price(a).total_cmp(&price(b)));
        finalists.truncate(FINALISTS);
        for (index, (direction, start, _)) in plans.into_iter().enumerate() {
            let direction = (*direction).clone();
            let plan = Tried::OneDirection { field: field.to_owned(), direction, start: *start };
            self.note(plan, &tried[index], finalists.contains(&index));
        }
        Ok(finalists.into_iter().map(|index| tried[index].clone()).collect())
    }

    fn calibrated(&self, base: &Program) -> Result<Program, NetworkError> {
        let mut program = base.clone();
        calibrate::calibrate(&mut program, &self.train.features(), self.config.observer, Purpose::Train)?;
        Ok(program)
    }
}

/// A layer of the input whose neurons may share a direction, and the directions.
fn candidate_layer(fresh: &Program) -> Option<(usize, Vec<Vec<i32>>)> {
    (0..fresh.nodes.len()).find_map(|index| {
        let node = &fresh.nodes[index];
        let reads_input = node.from.is_some_and(|from| fresh.nodes[from].from.is_none());
        let readers: Vec<usize> = fresh.readers(index).collect();
        let &[reader] = readers.as_slice() else { return None };
        let is_quantized =
            matches!(fresh.nodes[reader].op, Op::Quantizer(_)) && fresh.owner(reader) == Some(reader);
        let state = fresh.linear(index).filter(|state| state.scale.is_none())?;
        if !reads_input || state.filters.is_some() || !is_quantized {
            return None;
        }
        Some((index, every_direction(state, DIRECTIONS))).filter(|(_, directions)| !directions.is_empty())
    })
}

/// The fresh network `base`, which calibration makes `calibrated`, with every row of the layer at `node` on `direction`, thresholds evenly over its range.
fn on_direction(
    base: &Program,
    calibrated: &Program,
    node: usize,
    direction: &[i32],
) -> Result<Program, NetworkError> {
    let mut program = base.clone();
    copy_input_steps(calibrated, &mut program);
    let (step_in, levels_in) = calibrated.input_levels(node)?;
    let reader = calibrated.readers(node).next().unwrap_or(node);
    let levels_out = calibrated.levels(reader)?.1;
    let ends = direction.iter().map(|&weight| i64::from(weight)).fold((0, 0), |(lo, hi), weight| {
        let products = (weight * levels_in.lo, weight * levels_in.hi);
        (lo + products.0.min(products.1), hi + products.0.max(products.1))
    });
    let span = (ends.1 - ends.0).max(1) as f32;
    let units = (span / (levels_out.hi - levels_out.lo).max(1) as f32).round().max(1.0);
    let held = calibrated.held_step(reader);
    let scale = held.map_or(1.0 / step_in, |step_out| step_out / (units * step_in));
    if let Op::Quantizer(state) = &mut program.nodes[reader].op {
        state.step = Some(held.unwrap_or(units));
    }
    let step_out = held.unwrap_or(units);
    if let Op::Linear(state) = &mut program.nodes[node].op {
        let rows = state.bias.len();
        state.scale = Some(Array1::from_elem(state.scales(), scale));
        state.hold = Bias::Free;
        for row in 0..rows {
            let sign = if row % 2 == 0 { 1.0 } else { -1.0 };
            for (weight, &along) in state.weight.row_mut(row).iter_mut().zip(direction) {
                *weight = sign * along as f32;
            }
            let place = (row as f32 + 0.5) / rows as f32;
            let centre = sign * (ends.0 as f32 + place * span);
            state.bias[row] = (middle(levels_out) - centre / units) * step_out;
        }
    }
    Ok(program)
}

fn copy_budgets(from: &Program, to: &mut Program) {
    for (from, to) in from.nodes.iter().zip(&mut to.nodes) {
        if let (Op::Linear(from), Op::Linear(to)) = (&from.op, &mut to.op) {
            to.limits = from.limits;
        }
    }
}
