use fheqat::{
    nn::layers::{Dropout, MaxPool2d},
    prelude::*,
};

#[quant_net(bits = 3, input = [1, 8, 8])]
struct Pooled {
    pool: MaxPool2d<2>,
}

#[quant_net(bits = 3, input = [8])]
struct Dropped {
    dropout: Dropout,
}

fn main() {}
