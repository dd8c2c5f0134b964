//! The commands, a file each: its options and what it does.

pub(crate) mod completions;
pub(crate) mod decrypt;
pub(crate) mod encrypt;
mod files;
pub(crate) mod inspect;
pub(crate) mod keygen;
pub(crate) mod load;
pub(crate) mod new;
pub(crate) mod run;
pub(crate) mod serve;
mod table;
pub(crate) mod token;
