//! The tensors of a file under the names of the network's fields.
//!
//! A file that fheqat wrote has the network's names. Any other is taken for `PyTorch`'s `state_dict`, with names `module.part`:
//!
//! - A module that is called as a field is that field. A prefix that all modules of the file have (`model.`, `module.`, `net.0.`) is
//!   left out where the fields are found behind it.
//! - Where no module is called as a field, and all are numbers behind a common prefix, as in an `nn.Sequential`, they are the
//!   fields with weights in order. There must be as many, and the network must be a chain: each field reads the one before it. A
//!   module without a name is the only field with weights.
//! - Anything else stays as it is, and is refused as unknown. Nothing is told by shapes, and nothing by the order in a file.
//! - `weight_orig` and `weight_mask` of `torch.nn.utils.prune` are `weight`, their product, and `mask`, where the layer keeps one.
//! - `num_batches_tracked` is left out.
//! - Two tensors that would be one, such as `weight` beside `weight_orig`, are refused.

use std::collections::{BTreeMap, BTreeSet};

use safetensors::{Dtype, tensor::TensorView};

use super::{floats, misfit::Misfit};

/// A field that has tensors.
pub(super) struct Holder {
    pub(super) name: &'static str,
    pub(super) has_weights: bool,
    /// Whether it keeps which weights pruning left.
    pub(super) keeps_mask: bool,
}

/// A tensor of the file, with the mask that it is to be multiplied by.
pub(super) struct Stored<'a> {
    /// The file's name.
    pub(super) name: String,
    view: TensorView<'a>,
    mask: Option<TensorView<'a>>,
}

impl<'a> Stored<'a> {
    const fn new(name: String, view: TensorView<'a>) -> Self {
        Self { name, view, mask: None }
    }

    pub(super) fn shape(&self) -> &[usize] {
        self.view.shape()
    }

    /// Its numbers; the element type where they are no floats.
    pub(super) fn values(&self) -> Result<Vec<f32>, Dtype> {
        let values = floats::read(self.view.dtype(), self.view.data())?;
        let Some(mask) = &self.mask else { return Ok(values) };
        let mask = floats::read(mask.dtype(), mask.data())?;
        Ok(values.into_iter().zip(mask).map(|(value, kept)| if kept == 0.0 { 0.0 } else { value }).collect())
    }
}

type Tensors<'a> = BTreeMap<String, Stored<'a>>;

const TRACKED: &str = "num_batches_tracked";
const ORIGINAL: &str = "_orig";
const MASK: &str = "_mask";

/// Under the names that they have.
pub(super) fn as_they_are(tensors: Vec<(String, TensorView<'_>)>) -> Tensors<'_> {
    tensors.into_iter().map(|(name, view)| (name.clone(), Stored::new(name, view))).collect()
}

/// Under the names of fields, as the module's documentation promises.
///
/// # Errors
/// When layers are numbered and numbers do not tell the fields.
pub(super) fn named<'a>(
    tensors: Vec<(String, TensorView<'a>)>,
    holders: &[Holder],
    is_chain: bool,
    misfits: &mut Vec<Misfit>,
) -> Result<Tensors<'a>, Misfit> {
    let mut tensors = as_they_are(tensors);
    tensors.retain(|name, _| split(name).1 != TRACKED);
    let modules: BTreeSet<String> = tensors.keys().map(|name| split(name).0.to_owned()).collect();
    let fields = fields_of(&modules, holders, is_chain)?;
    let mut masks = take_masks(&mut tensors);
    let mut named = Tensors::new();
    let mut put = |misfits: &mut Vec<Misfit>, read_as: String, stored: Stored<'a>| {
        let tensor = stored.name.clone();
        if let Some(other) = named.insert(read_as.clone(), stored) {
            misfits.push(Misfit::Twice { tensor: other.name, other: tensor, read_as });
        }
    };
    for (name, mut stored) in tensors {
        let (module, part) = split(&name);
        let field = fields.get(module).map_or(module, String::as_str);
        let holder = holders.iter().find(|holder| holder.name == field);
        let mut part = part;
        if let Some(plain) = part.strip_suffix(ORIGINAL) {
            match masks.remove(&join(module, plain)) {
                None => {
                    let missing = join(module, &format!("{plain}{MASK}"));
                    misfits.push(Misfit::HalfPruned { tensor: name.clone(), missing });
                }
                Some(mask) => {
                    check_mask(&mask, &stored, misfits);
                    stored.mask = Some(mask.view.clone());
                    if plain == "weight" && holder.is_some_and(|holder| holder.keeps_mask) {
                        put(misfits, join(field, "mask"), mask);
                    }
                }
            }
            part = plain;
        }
        put(misfits, join(field, part), stored);
    }
    for (plain, mask) in masks {
        misfits.push(Misfit::HalfPruned { tensor: mask.name, missing: format!("{plain}{ORIGINAL}") });
    }
    Ok(named)
}

/// `module.part`; a name without a point is a part of a module without a name.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

fn join(module: &str, part: &str) -> String {
    if module.is_empty() { part.to_owned() } else { format!("{module}.{part}") }
}

/// Takes the masks out, by the names of what they are masks of.
fn take_masks<'a>(tensors: &mut Tensors<'a>) -> Tensors<'a> {
    let names: Vec<String> = tensors.keys().filter(|name| name.ends_with(MASK)).cloned().collect();
    let take = |name: String| {
        let plain = name.strip_suffix(MASK)?.to_owned();
        Some((plain, tensors.remove(&name)?))
    };
    names.into_iter().filter_map(take).collect()
}

fn check_mask(mask: &Stored<'_>, of: &Stored<'_>, misfits: &mut Vec<Misfit>) {
    let tensor = mask.name.clone();
    if mask.shape() != of.shape() {
        let (found, expected) = (mask.shape().to_vec(), of.shape().to_vec());
        misfits.push(Misfit::Shape { read_as: tensor.clone(), tensor, found, expected });
        return;
    }
    match mask.values() {
        Err(dtype) => misfits.push(Misfit::Type { tensor, dtype }),
        Ok(values) => {
            if let Some(index) = values.iter().position(|value| ![0.0f32, 1.0].contains(value)) {
                misfits.push(Misfit::Mask { tensor, index });
            }
        }
    }
}

/// The field that each module is, where one is.
fn fields_of(
    modules: &BTreeSet<String>,
    holders: &[Holder],
    is_chain: bool,
) -> Result<BTreeMap<String, String>, Misfit> {
    let paths: Vec<Vec<&str>> = modules.iter().map(|module| module.split('.').collect()).collect();
    let common = common_prefix(&paths);
    let is_field =
        |path: &[&str]| matches!(path, [name] if holders.iter().any(|holder| holder.name == *name));
    for length in 0..=common {
        if paths.iter().any(|path| is_field(&path[length..])) {
            let behind = paths.iter().map(|path| path[length..].join("."));
            return Ok(modules.iter().cloned().zip(behind).collect());
        }
    }
    let Some(found) = (0..=common).find_map(|length| in_order(modules, &paths, length)) else {
        return Ok(BTreeMap::new());
    };
    let weighted = holders.iter().filter(|holder| holder.has_weights);
    let expected: Vec<String> = weighted.map(|holder| holder.name.to_owned()).collect();
    if found.len() != expected.len() {
        return Err(Misfit::Count { found, expected });
    }
    if !is_chain && found.len() > 1 {
        return Err(Misfit::Branches { found, expected });
    }
    Ok(found.into_iter().zip(expected).collect())
}

/// The components that every path begins with.
fn common_prefix(paths: &[Vec<&str>]) -> usize {
    let Some((first, others)) = paths.split_first() else { return 0 };
    (0..first.len())
        .find(|&index| others.iter().any(|path| path.get(index) != first.get(index)))
        .unwrap_or(first.len())
}

/// The modules in the order of their numbers behind so many components; `None` where they have something else there.
fn in_order(modules: &BTreeSet<String>, paths: &[Vec<&str>], length: usize) -> Option<Vec<String>> {
    let is_alone = modules.len() == 1;
    let mut numbered = Vec::new();
    for (module, path) in modules.iter().zip(paths) {
        let numbers: Option<Vec<u32>> =
            path[length..].iter().map(|component| component.parse().ok()).collect();
        let is_nameless = is_alone && module.is_empty();
        let numbers = if is_nameless { Vec::new() } else { numbers.filter(|numbers| !numbers.is_empty())? };
        numbered.push((numbers, module.clone()));
    }
    numbered.sort();
    Some(numbered.into_iter().map(|(_, module)| module).collect())
}
