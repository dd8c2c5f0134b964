//! The commands, a file each: its options and what it does.

mod answers;
pub(crate) mod completions;
pub(crate) mod decrypt;
pub(crate) mod encrypt;
mod files;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod keygen;
pub(crate) mod load;
pub(crate) mod new;
pub(crate) mod predict;
pub(crate) mod run;
mod samples;
pub(crate) mod serve;
mod table;
pub(crate) mod token;
mod trust;
pub(crate) mod worker;
