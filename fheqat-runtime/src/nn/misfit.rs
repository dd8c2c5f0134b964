//! Tensors of a file that do not fit the network that reads it.

use std::fmt::{self, Display, Formatter};

use fheqat_spec::closest;
use safetensors::Dtype;

/// A tensor that does not fit, or a layer whose tensors cannot be told. `Display` says what was expected, what was found, and
/// the nearest name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misfit {
    /// The network needs it, and the file has none.
    Missing {
        /// The network's name.
        tensor: String,
        /// The shape needed.
        expected: Vec<usize>,
        /// A tensor of the file that nothing reads: of this shape with a similar name, or the only one of this shape, or with a
        /// similar name.
        nearest: Option<String>,
    },
    /// The file has it, and nothing reads it.
    Unknown {
        /// The file's name.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
        /// A tensor of the network that has a similar name.
        nearest: Option<String>,
    },
    /// It has another shape.
    Shape {
        /// The file's name.
        tensor: String,
        /// The network's name.
        read_as: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape needed.
        expected: Vec<usize>,
    },
    /// Its elements are no floats of 16, 32 or 64 bits.
    Type {
        /// The file's name.
        tensor: String,
        /// The elements.
        dtype: Dtype,
    },
    /// `weight_orig` without `weight_mask`, or the other way round.
    HalfPruned {
        /// The tensor that is there.
        tensor: String,
        /// The tensor that is not.
        missing: String,
    },
    /// Two tensors that are one of the network.
    Twice {
        /// One of them.
        tensor: String,
        /// The other.
        other: String,
        /// What the network calls it.
        read_as: String,
    },
    /// A mask with something else than ones and zeros.
    Mask {
        /// The file's name.
        tensor: String,
        /// Index of the element.
        index: usize,
    },
    /// A bias that is not zero, where the network declares none.
    Bias {
        /// The field.
        field: String,
    },
    /// The file numbers its layers, and the network has not as many with weights.
    Count {
        /// The modules of the file in order.
        found: Vec<String>,
        /// The fields with weights in order.
        expected: Vec<String>,
    },
    /// The file numbers its layers, and the network branches, so that numbers do not tell its fields.
    Branches {
        /// The modules of the file in order.
        found: Vec<String>,
        /// The fields with weights in order.
        expected: Vec<String>,
    },
}

impl Display for Misfit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { tensor, expected, nearest } => {
                write!(f, "the file has no `{tensor}` {expected:?}")?;
                if let Some(nearest) = nearest {
                    write!(f, "; the nearest that nothing reads is `{nearest}`")?;
                } else if let Some((field, "bias")) = tensor.rsplit_once('.') {
                    write!(f, "; if `{field}` has none, put `#[layer(bias = none)]` on it")?;
                }
                Ok(())
            }
            Self::Unknown { tensor, found, nearest } => {
                write!(f, "the network has nothing that reads `{tensor}` {found:?}")?;
                match nearest {
                    Some(nearest) => write!(f, "; the nearest of its tensors is `{nearest}`"),
                    None => Ok(()),
                }
            }
            Self::Shape { tensor, read_as, found, expected } => {
                write!(f, "`{tensor}`")?;
                if tensor != read_as {
                    write!(f, ", read as `{read_as}`,")?;
                }
                write!(f, " has shape {found:?}, but the network needs {expected:?}")?;
                if found.len() == 2 && found.iter().eq(expected.iter().rev()) {
                    f.write_str(
                        "; it is transposed: save `weight.T.contiguous()`, for weights are `[out, in]`",
                    )?;
                }
                Ok(())
            }
            Self::Type { tensor, dtype } => {
                write!(f, "`{tensor}` has elements of {dtype:?}; weights are F32, F64, F16 or BF16")
            }
            Self::HalfPruned { tensor, missing } => write!(
                f,
                "the file has `{tensor}` without `{missing}`; save both, or call `torch.nn.utils.prune.remove` first"
            ),
            Self::Twice { tensor, other, read_as } => {
                write!(f, "`{tensor}` and `{other}` are both `{read_as}`; save one of them")
            }
            Self::Mask { tensor, index } => {
                write!(f, "element {index} of the mask `{tensor}` is neither 0 nor 1")
            }
            Self::Bias { field } => write!(
                f,
                "`{field}` has a bias in the file, but none in the network; put `#[layer(bias = free)]` on it"
            ),
            Self::Count { found, expected } => write!(
                f,
                "the file numbers {} layers ({}), but the network has {} with weights ({}); the same number of both is mapped in order",
                found.len(),
                found.join(", "),
                expected.len(),
                expected.join(", ")
            ),
            Self::Branches { found, expected } => write!(
                f,
                "the file numbers its layers ({}), but the network branches, so numbers do not tell its fields; name them in PyTorch as the fields are ({})",
                found.join(", "),
                expected.join(", ")
            ),
        }
    }
}

/// All that does not fit, and what to do.
pub(super) fn listed(misfits: &[Misfit]) -> String {
    const CURE: &str = "load the weights of a network with the same layers and names";
    match misfits {
        [only] => format!("the file does not fit the network: {only}: {CURE}"),
        several => {
            let lines: Vec<String> = several.iter().map(ToString::to_string).collect();
            let count = several.len();
            format!("{count} tensors of the file do not fit the network: {CURE}\n  {}", lines.join("\n  "))
        }
    }
}

/// The misfits and the tensors that nothing has read, as name and shape, each with the nearest name of the other side; `asked`
/// are the tensors that the network reads.
pub(super) fn with_unread(
    mut misfits: Vec<Misfit>,
    unread: &[(&str, &[usize])],
    asked: &[String],
) -> Vec<Misfit> {
    let missing = |misfit: &Misfit| match misfit {
        Misfit::Missing { tensor, .. } => Some(tensor.clone()),
        _ => None,
    };
    let lacking: Vec<String> = misfits.iter().filter_map(missing).collect();
    for misfit in &mut misfits {
        if let Misfit::Missing { tensor, expected, nearest } = misfit {
            let alike: Vec<&str> =
                unread.iter().filter(|(_, shape)| shape == expected).map(|(name, _)| *name).collect();
            let only = alike.first().copied().filter(|_| alike.len() == 1);
            let similar = closest(tensor, alike).or(only);
            let similar = similar.or_else(|| closest(tensor, unread.iter().map(|(name, _)| *name)));
            *nearest = similar.map(str::to_owned);
        }
    }
    let near =
        |name: &str, known: &[String]| closest(name, known.iter().map(String::as_str)).map(str::to_owned);
    misfits.extend(unread.iter().map(|(name, shape)| Misfit::Unknown {
        tensor: (*name).to_owned(),
        found: shape.to_vec(),
        nearest: near(name, &lacking).or_else(|| near(name, asked)),
    }));
    misfits
}
