//! Quantizers of a graph: steps, ranges, and the integers of constants.

use fheqat_runtime::spec::{Range, WeightRange, limits};

use crate::tensor::{Numbers, Tensor};

/// How numbers become integers: `clamp(round_half_even(x / scale), lo, hi)`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quantization {
    pub(crate) scale: Tensor,
    pub(crate) range: Range,
    /// The axis of the constant that the scales belong to; `None` where their shape says so.
    pub(crate) axis: Option<usize>,
}

/// A constant in integers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quantized {
    pub(crate) dims: Vec<usize>,
    pub(crate) integers: Vec<i64>,
    pub(crate) range: Range,
    pub(crate) scales: Scales,
}

/// One scale, or one for each index of an axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scales {
    All(f32),
    Each { axis: usize, scales: Vec<f32> },
}

/// The integers of a width.
///
/// # Errors
/// When there are none of that width.
pub(crate) fn range(bits: f32, is_signed: bool, is_narrow: bool) -> Result<Range, String> {
    const WIDEST: f32 = 32.0;
    if bits.fract() != 0.0 || !(1.0..=WIDEST).contains(&bits) {
        return Err(format!("quantizes to {bits} bits: type a whole number of 1 to 32"));
    }
    let (bits, narrow) = (bits as u32, i64::from(is_narrow));
    Ok(if is_signed {
        let half = 1 << (bits - 1);
        Range::new((narrow - half).min(0), half - 1)
    } else {
        Range::new(0, ((1 << bits) - 1 - narrow).max(0))
    })
}

/// Width and range of the weights that cover a range.
///
/// # Errors
/// When no weights do.
pub(crate) fn weight_bits(range: Range) -> Result<(i64, WeightRange), String> {
    let widths = limits::WEIGHT_BITS.least..=limits::WEIGHT_BITS.most;
    let kinds = widths.flat_map(|bits| {
        [(bits, WeightRange::Narrow, Range::narrow(bits)), (bits, WeightRange::Full, Range::signed(bits))]
    });
    let mut kinds = kinds.filter(|(_, _, of)| of.contains(range));
    kinds.next().map(|(bits, kind, _)| (bits, kind)).ok_or_else(|| {
        format!("has weights in {}..={}, but weights have 2 to 8 bits with a sign", range.lo, range.hi)
    })
}

/// Width of the levels that cover a range, and whether they have a sign.
///
/// # Errors
/// When none do.
pub(crate) fn level_bits(range: Range) -> Result<(i64, bool), String> {
    let is_signed = range.lo < 0;
    let of = |bits| if is_signed { Range::signed(bits) } else { Range::unsigned(bits) };
    let mut widths = limits::QUANTIZER_BITS.least..=limits::QUANTIZER_BITS.most;
    let has_zero = range.lo <= 0 && range.hi >= 0 && range.lo < range.hi;
    widths
        .find(|&bits| of(bits).contains(range))
        .filter(|_| has_zero)
        .map(|bits| (bits, is_signed))
        .ok_or_else(|| {
            format!(
                "quantizes to {}..={}, but levels are two or more of 1 to 8 bits, with zero among them",
                range.lo, range.hi
            )
        })
}

impl Quantization {
    /// The step of a quantizer of activations.
    ///
    /// # Errors
    /// When it has several, or one that is none.
    pub(crate) fn step(&self) -> Result<f32, String> {
        let scales = positive(&self.scale)?;
        match scales.split_first() {
            Some((&first, rest)) if rest.iter().all(|scale| scale.to_bits() == first.to_bits()) => Ok(first),
            _ => Err(format!(
                "has {} scales: a quantizer of activations has one for all channels",
                scales.len()
            )),
        }
    }

    /// The integers nearest to a constant.
    ///
    /// # Errors
    /// When the scales do not belong to one axis of it, or it has numbers that are none.
    pub(crate) fn quantized(&self, constant: &Tensor) -> Result<Quantized, String> {
        let scales = self.scales(&constant.dims)?;
        let Numbers::Floats(values) = &constant.numbers else {
            return Err("quantizes integers: constants are quantized from floats".to_owned());
        };
        if values.iter().any(|value| !value.is_finite()) {
            return Err("quantizes a constant with numbers that are infinite or none".to_owned());
        }
        let (lo, hi) = (self.range.lo as f32, self.range.hi as f32);
        let integers = values
            .iter()
            .enumerate()
            .map(|(place, value)| {
                (value / scales.of(&constant.dims, place)).round_ties_even().clamp(lo, hi) as i64
            })
            .map(|integer| integer.clamp(self.range.lo, self.range.hi))
            .collect();
        Ok(Quantized { dims: constant.dims.clone(), integers, range: self.range, scales })
    }

    /// The scales of a constant of these dimensions.
    ///
    /// # Errors
    /// When they do not belong to one axis of it, or one is none.
    pub(crate) fn scales(&self, dims: &[usize]) -> Result<Scales, String> {
        let scales = positive(&self.scale)?;
        if let [scale] = scales[..] {
            return Ok(Scales::All(scale));
        }
        let fits = |axis: usize| dims.get(axis) == Some(&scales.len());
        // Without an axis, shapes broadcast from their ends.
        let by_shape = || {
            let of = &self.scale.dims;
            let offset = dims.len().checked_sub(of.len())?;
            of.iter().position(|&dim| dim == scales.len()).map(|axis| axis + offset)
        };
        let axis = self.axis.or_else(by_shape).filter(|&axis| fits(axis));
        let axis = axis.ok_or_else(|| {
            format!("has scales of shape {:?} for a constant of shape {dims:?}: one, or one for each output, is read", self.scale.dims)
        })?;
        Ok(Scales::Each { axis, scales })
    }
}

impl Scales {
    /// That of the number at a place.
    fn of(&self, dims: &[usize], place: usize) -> f32 {
        match self {
            Self::All(scale) => *scale,
            Self::Each { axis, scales } => {
                let inner: usize = dims[axis + 1..].iter().product();
                scales[place / inner.max(1) % scales.len()]
            }
        }
    }
}

impl Quantized {
    /// What the integers stand for.
    pub(crate) fn to_floats(&self) -> Vec<f32> {
        let value = |(place, &integer): (usize, &i64)| integer as f32 * self.scales.of(&self.dims, place);
        self.integers.iter().enumerate().map(value).collect()
    }

    /// Its axes in another order.
    pub(crate) fn transposed(&self, order: &[usize]) -> Option<Self> {
        let places = crate::tensor::places(&self.dims, order)?;
        let scales = match &self.scales {
            Scales::All(scale) => Scales::All(*scale),
            Scales::Each { axis, scales } => {
                let axis = order.iter().position(|from| from == axis)?;
                Scales::Each { axis, scales: scales.clone() }
            }
        };
        Some(Self {
            dims: crate::tensor::permuted(&self.dims, order)?,
            integers: places.iter().map(|&place| self.integers[place]).collect(),
            range: self.range,
            scales,
        })
    }
}

/// Scales that can be.
fn positive(scale: &Tensor) -> Result<Vec<f32>, String> {
    let scales = scale.to_floats();
    match scales.iter().find(|scale| !(scale.is_finite() && **scale > 0.0)) {
        Some(scale) => Err(format!("has a scale of {scale}: a scale is a positive number")),
        None if scales.is_empty() => Err("has no scale".to_owned()),
        None => Ok(scales),
    }
}
