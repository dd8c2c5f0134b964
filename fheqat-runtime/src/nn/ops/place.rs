//! What an op is built from beside its layer.

/// The operands of an op as a network is put together.
pub(crate) struct Place<'a> {
    /// The nodes it reads, in the order of its operands; `None` where it reads the network's input.
    pub(crate) operands: Option<&'a [usize]>,
    /// Numbers of each operand.
    pub(crate) widths: &'a [usize],
    /// Shape of the first operand, channels first.
    pub(crate) dims: Vec<usize>,
}

impl Place<'_> {
    /// Numbers of the only operand, or of the first.
    pub(super) fn operand_width(&self) -> Option<usize> {
        self.widths.first().copied()
    }
}
