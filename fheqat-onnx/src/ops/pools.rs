//! Windows: sums that stand for averages, and maxima.

use fheqat_runtime::spec::{Layer, Padding, Pool, Window};

use crate::{
    expr::{Expr, Kind, View},
    node::Node,
    plan::{Learned, number},
    walk::{Value, Walk},
};

/// A window of a node: alike along all axes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sliding {
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
}

impl Sliding {
    /// The window of a node over so many axes.
    ///
    /// # Errors
    /// When it differs from axis to axis, or is placed in another way.
    pub(super) fn of(node: Node<'_>, axes: usize, kernel: Option<&[usize]>) -> Result<Self, String> {
        let padded = node.text("auto_pad", "NOTSET");
        if !matches!(padded.as_str(), "NOTSET" | "VALID" | "") {
            return Err(format!(
                "has `auto_pad` of {}: export the padding in numbers",
                crate::node::printable(&padded)
            ));
        }
        node.only("ceil_mode", 0, 0)?;
        let all = |name: &str, count: usize, default: Option<i64>| match (node.integers(name), default) {
            (Some(values), _) if values.len() == count && values.iter().all(|value| *value == values[0]) => {
                usize::try_from(values[0]).map_err(|_| format!("has `{name}` of {}", values[0]))
            }
            (Some(values), _) => Err(format!(
                "has `{name}` of {values:?}, but windows are alike along {axes} axes and on both sides"
            )),
            (None, Some(default)) => usize::try_from(default).map_err(|_| format!("has no `{name}`")),
            (None, None) => Err(format!("has no `{name}`")),
        };
        if all("dilations", axes, Some(1))? != 1 {
            return Err("has dilations, but windows are read without gaps".to_owned());
        }
        let kernel = match kernel {
            Some(kernel) if kernel.len() == axes && kernel.iter().all(|length| *length == kernel[0]) => {
                if let Some(declared) = node.integers("kernel_shape")
                    && !declared
                        .iter()
                        .map(|&length| usize::try_from(length))
                        .eq(kernel.iter().map(|&length| Ok(length)))
                {
                    return Err(format!("has `kernel_shape` of {declared:?}, but weights for {kernel:?}"));
                }
                kernel[0]
            }
            Some(kernel) => {
                return Err(format!(
                    "has a window of {kernel:?}, but windows are alike along all of one or two axes"
                ));
            }
            None => all("kernel_shape", axes, None)?,
        };
        let (stride, padding) = (all("strides", axes, Some(1))?, all("pads", 2 * axes, Some(0))?);
        let most = fheqat_runtime::spec::limits::KERNEL.most as usize;
        if kernel == 0 || stride == 0 || kernel.max(stride).max(padding) > most {
            return Err(format!(
                "has a window of {kernel}, a stride of {stride} and a padding of {padding}: 1 to {most} is read"
            ));
        }
        Ok(Self { kernel, stride, padding })
    }

    pub(super) fn window(self, axes: usize) -> Window {
        Window {
            axes,
            kernel: number(self.kernel),
            stride: number(self.stride),
            dilation: number(1),
            padding: Padding::Equal(number(self.padding)),
        }
    }

    /// The shape of channels behind it.
    ///
    /// # Errors
    /// When it is larger than what it slides over.
    pub(super) fn slide(self, channels: usize, over: &[usize]) -> Result<Vec<usize>, String> {
        let Self { kernel, stride, padding } = self;
        let mut shape = vec![channels];
        for &length in over {
            let room = length.saturating_add(2 * padding).checked_sub(kernel);
            let room = room.ok_or_else(|| {
                format!("has a window of {kernel}, which is longer than {length} with a padding of {padding}")
            })?;
            shape.push(room / stride + 1);
        }
        Ok(shape)
    }
}

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
    let sliding = Sliding::of(node, 2, None)?;
    if sliding.padding > 0 {
        node.only("count_include_pad", 0, 1)?;
    }
    let slid = sliding.slide(shape[0], &shape[1..])?;
    let from = walk.builder.settle(&of)?;
    let name = walk.builder.names.field(node.name(), node.op(), None);
    let layer = Layer::Pool(Pool { window: Some(sliding.window(2)), acc_bits: None });
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
    let Sliding { kernel, stride, padding } = Sliding::of(node, 2, None)?;
    let slid = Sliding { kernel, stride, padding }.slide(shape[0], &shape[1..])?;
    let view = View::MaxPool { name: node.name().to_owned(), kernel, stride, padding };
    Expr::new(Kind::View(view, of), slid).map(Value::Wire)
}
