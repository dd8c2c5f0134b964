//! Windows: sums that stand for averages, and maxima.

use fheqat_runtime::spec::{Layer, Pool};

use crate::{
    expr::{Expr, Kind, View},
    node::Node,
    plan::Learned,
    sliding::Sliding,
    walk::{Value, Walk},
};

/// An operand `[channels, height, width]`.
fn image<'a>(walk: &Walk<'a>, node: Node<'a>) -> Result<(Expr, Vec<usize>), String> {
    let of = walk.wire(node, 0)?;
    let shape = of.shape().to_vec();
    match shape.len() {
        3 => Ok((of, shape)),
        _ => Err(format!("reads samples of shape {shape:?}, but pools read [channels, height, width]")),
    }
}

/// # Errors
/// When it is no pool of ours.
pub(super) fn average<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    let (of, shape) = image(walk, node)?;
    let sliding = Sliding::of(node, &shape[1..], None)?;
    if sliding.is_padded(&shape[1..]) {
        node.only("count_include_pad", 0, 1)?;
    }
    let slid = sliding.slide(shape[0], &shape[1..])?;
    let from = walk.builder.settle(&of)?;
    let name = walk.builder.names.field(node.name(), node.op(), None);
    let layer = Layer::Pool(Pool { window: Some(sliding.window()), acc_bits: None });
    walk.builder.sums(name, &layer, vec![from], Learned::Nothing, slid).map(Value::Wire)
}

/// In ONNX it keeps two axes of length one, ours does not.
///
/// # Errors
/// When it reads no image.
pub(super) fn global<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    let (of, shape) = image(walk, node)?;
    let from = walk.builder.settle(&of)?;
    let name = walk.builder.names.field(node.name(), node.op(), None);
    let layer = Layer::Pool(Pool { window: None, acc_bits: None });
    let pool = walk.builder.sums(name.clone(), &layer, vec![from], Learned::Nothing, vec![shape[0]])?;
    let view = View::Reshape(format!("{name}_image"), "Reshape");
    Expr::new(Kind::View(view, pool), vec![shape[0], 1, 1]).map(Value::Wire)
}

/// # Errors
/// When it is no pool of ours.
pub(super) fn max<'a>(walk: &mut Walk<'a>, node: Node<'a>) -> Result<Value, String> {
    let (of, shape) = image(walk, node)?;
    let sliding = Sliding::of(node, &shape[1..], None)?;
    let slid = sliding.slide(shape[0], &shape[1..])?;
    let view = View::MaxPool(node.name().to_owned(), sliding);
    Expr::new(Kind::View(view, of), slid).map(Value::Wire)
}
