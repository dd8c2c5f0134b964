use fheqat::spec::{Range, range::dot};

const OPERAND: Range = Range::new(0, 3);
const _: () = assert!(dot(OPERAND, OPERAND, 14, None).bits() == 7, "14 products fit 7 bits");
const _: () = assert!(dot(OPERAND, OPERAND, 15, None).bits() == 7, "15 products do not fit 7 bits");

fn main() {}
