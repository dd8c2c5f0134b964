use fheqat::fhe::{Client, ClientHalf, ClientKey};

fn main() {}
