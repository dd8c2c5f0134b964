use fheqat::compile::Compiled;

fn main() {}
