//! Loops on the vectors that the processor has.

/// Runs a loop as compiled for the widest vectors of the processor at hand; the results have the same bits on all.
///
/// What `run` calls must be inlined into it.
pub(crate) fn on_vectors<R>(run: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(run)
}
