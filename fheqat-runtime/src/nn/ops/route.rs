//! Where slopes go.

/// What becomes of the slope of an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Nothing in front of it learns.
    Nothing,
    /// This reader is the first to give one.
    Write,
    /// Another reader has given one.
    Add,
}

impl Route {
    #[expect(
        clippy::inline_always,
        reason = "only what is inlined into a dispatch is compiled for its instructions"
    )]
    #[inline(always)]
    pub(super) fn pass(self, to: &mut f32, slope: f32) {
        match self {
            Self::Nothing => {}
            Self::Write => *to = slope,
            Self::Add => *to += slope,
        }
    }
}
