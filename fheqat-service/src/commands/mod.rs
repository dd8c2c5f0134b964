//! The commands, a file each: its options and what it does.

pub(crate) mod completions;
