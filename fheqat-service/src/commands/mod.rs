//! The commands, a file each: its options and what it does.

pub(crate) mod completions;
pub(crate) mod load;
pub(crate) mod serve;
pub(crate) mod token;
pub(crate) mod worker;
