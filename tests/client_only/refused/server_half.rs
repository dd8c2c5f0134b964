use fheqat::fhe::{Server, ServerHalf, ServerKey};

fn main() {}
