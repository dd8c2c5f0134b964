//! Server halves from outside with numbers that no compilation gives: refused before anything is computed with them.

use fheqat_spec::Range;

use super::graphs::{RandomNetwork, random};
use crate::{
    Seed,
    compile::CompileOptions,
    fhe::ServerHalf,
    params::Log2Probability,
    plan::{ServerPlan, Source},
};

/// Two stages; inputs under the small key.
fn half() -> ServerHalf {
    let network = RandomNetwork {
        features: 2,
        inputs: Range { lo: 0, hi: 3 },
        widths: &[2, 1],
        l1: 2,
        tables: 1,
        outputs: 1,
    };
    let options = CompileOptions::default().p_fail(Log2Probability(-40.0));
    let half = random(network, Seed(1)).compile(&options).unwrap().server();
    assert!(half.plan.inputs_under_small_key && half.plan.stages.len() == 2);
    half
}

fn refused(change: impl Fn(&mut ServerPlan)) -> String {
    let mut half = half();
    change(&mut half.plan);
    ServerHalf::from_bytes(&half.to_bytes()).unwrap_err().to_string()
}

const MISFIT: &str = "a rotation does not fit its parameters";

#[test]
fn an_honest_half_is_read() {
    let half = half();
    assert_eq!(ServerHalf::from_bytes(&half.to_bytes()).unwrap(), half);
}

#[test]
fn staircases_have_a_size() {
    for rises in [
        &[i64::MIN][..],
        &[i64::MAX],
        &[1 << 62],
        &[i64::MAX, i64::MAX],
        &[1 << 48, 1 << 48, 1],
        &[-(1 << 49), -1],
    ] {
        let message = refused(|plan| {
            plan.stages[0][0].stairs = (0..).zip(rises.iter().copied()).collect();
        });
        assert!(message.contains(MISFIT), "{message}");
    }
}

#[test]
fn rotations_give_something() {
    let message = refused(|plan| {
        let mut nothing = plan.stages[1][0].clone();
        (nothing.tables, nothing.taps) = (0, Vec::new());
        nothing.key_switches.wires.clear();
        plan.stages[1].push(nothing);
    });
    assert!(message.contains(MISFIT), "{message}");
}

#[test]
fn outputs_read_what_is_under_the_big_key() {
    let message = refused(|plan| plan.outputs[0].terms.push((Source::Input(0), 1)));
    assert!(message.contains("a sum reads Input(0), which is under the other key"), "{message}");
}
