//! Windows of nodes.

use fheqat_runtime::spec::{Known, Padding, Sides, Window, limits};

use crate::{
    node::{Node, printable},
    plan::number,
};

/// A window of a node: alike along all axes, but for what is put around them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sliding {
    axes: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    around: Around,
}

/// Zeros around axes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Around {
    /// As few as give `length / stride` positions, the odd one behind.
    Same,
    /// Before and behind each axis.
    Sides(Vec<[usize; 2]>),
}

impl Sliding {
    /// The window of a node over axes of these lengths.
    ///
    /// # Errors
    /// When it differs from axis to axis, or is placed in another way.
    pub(crate) fn of(node: Node<'_>, over: &[usize], kernel: Option<&[usize]>) -> Result<Self, String> {
        let axes = over.len();
        node.only("ceil_mode", 0, 0)?;
        let all = |name: &str, default: Option<usize>| match (node.integers(name), default) {
            (Some(values), _) if values.len() == axes && values.iter().all(|value| *value == values[0]) => {
                usize::try_from(values[0]).map_err(|_| format!("has `{name}` of {}", values[0]))
            }
            (Some(values), _) => {
                Err(format!("has `{name}` of {values:?}, but windows are alike along {axes} axes"))
            }
            (None, Some(default)) => Ok(default),
            (None, None) => Err(format!("has no `{name}`")),
        };
        let kernel = match kernel {
            Some(kernel) => of_weights(node, axes, kernel)?,
            None => all("kernel_shape", None)?,
        };
        let (stride, dilation) = (all("strides", Some(1))?, all("dilations", Some(1))?);
        let most = limits::KERNEL.most as usize;
        if [kernel, stride, dilation].iter().any(|number| !(1..=most).contains(number)) {
            return Err(format!(
                "has a window of {kernel}, a stride of {stride} and a dilation of {dilation}: 1 to {most} is read"
            ));
        }
        let mut sliding = Self { axes, kernel, stride, dilation, around: Around::Same };
        let padded = node.text("auto_pad", "NOTSET");
        match padded.as_str() {
            "SAME_UPPER" => {}
            "SAME_LOWER" => {
                let turned = sliding.sides(over).into_iter().map(|[before, behind]| [behind, before]);
                sliding.around = Around::Sides(turned.collect());
            }
            "NOTSET" | "VALID" | "" => sliding.around = Around::Sides(pads(node, axes, most)?),
            _ => return Err(format!("has `auto_pad` of {}", printable(&padded))),
        }
        Ok(sliding)
    }

    fn sides(&self, over: &[usize]) -> Vec<[usize; 2]> {
        sides(&self.window(), over)
    }

    /// Whether zeros are put around axes of these lengths.
    pub(crate) fn is_padded(&self, over: &[usize]) -> bool {
        self.sides(over).iter().flatten().any(|side| *side > 0)
    }

    pub(crate) fn window(&self) -> Window {
        Window {
            axes: self.axes,
            kernel: number(self.kernel),
            stride: number(self.stride),
            dilation: number(self.dilation),
            padding: match &self.around {
                Around::Same => Padding::Same,
                Around::Sides(sides) => padding(sides),
            },
        }
    }

    /// The shape of channels behind it.
    ///
    /// # Errors
    /// When it is larger than what it slides over.
    pub(crate) fn slide(&self, channels: usize, over: &[usize]) -> Result<Vec<usize>, String> {
        let window = self.window();
        let mut shape = vec![channels];
        for (axis, &length) in over.iter().enumerate() {
            let positions = window.positions(axis, number(length)).get();
            shape.push(positions.and_then(|positions| usize::try_from(positions).ok()).ok_or_else(|| {
                let [before, behind] = self.sides(over)[axis];
                format!(
                    "has a window of {} with a dilation of {}, which is longer than {length} with {before} zeros before and {behind} behind",
                    self.kernel, self.dilation
                )
            })?);
        }
        Ok(shape)
    }
}

/// Zeros as the laws have them.
pub(crate) fn padding(sides: &[[usize; 2]]) -> Padding {
    let first = sides.first().map_or(0, |side| side[0]);
    if sides.iter().flatten().all(|side| *side == first) {
        return Padding::Equal(number(first));
    }
    let sides: Vec<Known<i64>> = sides.iter().flatten().map(|&side| number(side)).collect();
    Padding::Sides(Sides::new(&sides))
}

/// The length of a window of weights.
fn of_weights(node: Node<'_>, axes: usize, kernel: &[usize]) -> Result<usize, String> {
    let Some(&first) = kernel.first().filter(|&first| kernel == vec![*first; axes]) else {
        return Err(format!(
            "has a window of {kernel:?}, but windows are alike along all of one or two axes"
        ));
    };
    match node.integers("kernel_shape") {
        Some(declared) if declared.iter().any(|&length| usize::try_from(length) != Ok(first)) => {
            Err(format!("has `kernel_shape` of {declared:?}, but weights for {kernel:?}"))
        }
        Some(declared) if declared.len() != axes => {
            Err(format!("has `kernel_shape` of {declared:?}, but weights for {kernel:?}"))
        }
        _ => Ok(first),
    }
}

/// Zeros before and behind axes of these lengths.
pub(crate) fn sides(window: &Window, over: &[usize]) -> Vec<[usize; 2]> {
    let around = |axis: usize, length: usize| window.around(axis, number(length)).or([0, 0]);
    let around = over.iter().enumerate().map(|(axis, &length)| around(axis, length));
    around.map(|sides| sides.map(|side| usize::try_from(side).unwrap_or_default())).collect()
}

/// `pads`: first those before each axis, then those behind.
fn pads(node: Node<'_>, axes: usize, most: usize) -> Result<Vec<[usize; 2]>, String> {
    let Some(pads) = node.integers("pads") else { return Ok(vec![[0; 2]; axes]) };
    let fits = |pad: &i64| usize::try_from(*pad).ok().filter(|&pad| pad <= most);
    match pads.iter().map(fits).collect::<Option<Vec<usize>>>() {
        Some(found) if found.len() == 2 * axes => {
            Ok((0..axes).map(|axis| [found[axis], found[axes + axis]]).collect())
        }
        _ => Err(format!("has `pads` of {pads:?}: two of 0 to {most} for each of {axes} axes are read")),
    }
}
