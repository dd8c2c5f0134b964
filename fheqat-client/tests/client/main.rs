//! The client against a small service that fails and lies as it is told.
#![allow(clippy::unwrap_used)]

mod fake;
mod faults;
mod keys;
mod proxy;
mod trust;
mod uploads;

use std::{path::PathBuf, time::Duration};

use fheqat::prelude::*;
use fheqat_client::{Options, Service};

/// A file of a model that an earlier build compiled.
fn read(file: &str) -> Vec<u8> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/8"));
    std::fs::read(folder.join(file)).unwrap()
}

/// Options that make tests quick, with the same pauses each time.
fn options() -> Options {
    Options {
        deadline: Duration::from_mins(1),
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(20),
        wait: Duration::from_millis(300),
        seed: Some(1),
        ..Options::default()
    }
}

fn service(url: &str, options: Options) -> Service {
    Service::with_options(url, options).unwrap().with_token(fake::TOKEN).unwrap()
}

/// The model without rotations, which runs in no time.
fn flat() -> (Circuit, Client, EvaluationKeys) {
    let half = ClientHalf::from_bytes(&read("flat.client")).unwrap();
    let client = Client::new(half, ClientKey::from_bytes(&read("flat.key")).unwrap()).unwrap();
    let keys = EvaluationKeys::from_bytes(&read("flat.keys")).unwrap();
    (Circuit::from_bytes(&read("flat.circuit")).unwrap(), client, keys)
}

fn samples(count: usize) -> Vec<[f32; 2]> {
    (0..count).map(|index| [0.13, 0.29].map(|step| (index as f32 * step).fract() * 3.0 - 1.5)).collect()
}

/// The code in the first block of a text.
fn code<'a>(text: &'a str, fence: &str) -> &'a str {
    let (_, code) = text.split_once(fence).unwrap();
    code.split_once("```").unwrap().0
}

/// That of this crate is compiled with its documentation.
#[test]
fn the_code_in_the_readme_is_that_of_this_crate() {
    let of_crate = code(include_str!("../../README.md"), "```rust,no_run");
    let of_project = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    assert_eq!(code(&of_project, "```rust,ignore"), of_crate);
}
