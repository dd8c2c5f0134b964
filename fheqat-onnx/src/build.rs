//! From expressions to fields.

use std::collections::HashMap;

use fheqat_runtime::spec::{
    Add, Axes, Known, Layer, MaxPool, Pad, Quantizer, Range, Reshape, Scale, Slice, Source, Transfer,
    Transpose, Upsample,
};

use crate::{
    expr::{Expr, Kind, View},
    names::Names,
    plan::{Curve, Learned, Planned, Standardization, number, shape},
    quantization::level_bits,
    sliding::padding,
};

/// The most fields of a network.
const MOST_FIELDS: usize = 2048;

/// The fields so far.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    pub(crate) fields: Vec<Planned>,
    pub(crate) names: Names,
    /// For each field that is a quantizer, an earlier one whose step it must have.
    pub(crate) shares: HashMap<usize, usize>,
    /// Expressions that have become fields that give levels.
    settled: HashMap<Expr, Source>,
    /// Numbers that constants and weights may still have.
    left: usize,
}

/// A quantizer of a graph.
#[derive(Clone, Debug)]
pub(crate) struct Rounding<'a> {
    pub(crate) node: &'a str,
    pub(crate) op: &'a str,
    pub(crate) step: f32,
    pub(crate) range: Range,
}

impl Builder {
    /// A builder of a network whose constants and weights have so many numbers together.
    pub(crate) fn new(numbers: usize) -> Self {
        Self { left: numbers, ..Self::default() }
    }

    /// Counts numbers that a node makes of constants: a file of a few nodes could else make as many as it likes.
    ///
    /// # Errors
    /// When there are too many.
    pub(crate) fn spend(&mut self, numbers: usize) -> Result<(), String> {
        let left = self.left.checked_sub(numbers);
        self.left = left.unwrap_or_default();
        left.map(|_| ()).ok_or_else(|| {
            "makes more numbers of the file's constants than a network of this size has".to_owned()
        })
    }

    /// Another field.
    ///
    /// # Errors
    /// When there are too many.
    pub(crate) fn push(&mut self, field: Planned) -> Result<usize, String> {
        if self.fields.len() >= MOST_FIELDS {
            return Err(format!("the network has more than {MOST_FIELDS} layers"));
        }
        if let Learned::Weights { integers, .. } = &field.learned {
            self.spend(integers.len())?;
        }
        self.fields.push(field);
        Ok(self.fields.len() - 1)
    }

    /// What a field gives, as an expression.
    pub(crate) fn field(&self, index: usize) -> Result<Expr, String> {
        Expr::new(Kind::Field(index), self.fields[index].shape.clone())
    }

    /// The shape of what a field or the input gives, and the quantizer behind it.
    fn quantizer_of(&self, source: Source) -> Option<usize> {
        match source {
            Source::Field(index) => self.fields[index].quantizer,
            Source::Input | Source::Broken => None,
        }
    }

    /// The step of the levels that a field gives.
    pub(crate) fn step_of(&self, source: Source) -> Option<f32> {
        self.quantizer_of(source).and_then(|quantizer| self.fields[quantizer].step())
    }

    /// The quantizer whose step a quantizer has in the end.
    pub(crate) fn root(&self, quantizer: usize) -> usize {
        let mut root = quantizer;
        while let Some(&earlier) = self.shares.get(&root) {
            root = earlier;
        }
        root
    }

    /// Gives operands one step.
    ///
    /// # Errors
    /// When theirs differ.
    pub(crate) fn share(&mut self, operands: &[Source]) -> Result<(), String> {
        let quantizers: Vec<usize> =
            operands.iter().filter_map(|&source| self.quantizer_of(source)).collect();
        for pair in quantizers.windows(2) {
            let (one, other) = (self.root(pair[0]), self.root(pair[1]));
            let steps = [one, other].map(|quantizer| self.fields[quantizer].step());
            let [Some(first), Some(second)] = steps else { continue };
            if first.to_bits() != second.to_bits() {
                return Err(format!(
                    "reads levels of two scales, {first} and {second}: quantize what it reads by one quantizer, so that one step means the same in each"
                ));
            }
            if one != other {
                self.shares.insert(one.max(other), one.min(other));
            }
        }
        Ok(())
    }

    /// Rounds an expression.
    ///
    /// # Errors
    /// When two functions stand in front of the rounding, or its levels are none.
    pub(crate) fn round(
        &mut self,
        of: &Expr,
        curve: Option<Curve>,
        rounding: &Rounding<'_>,
    ) -> Result<Expr, String> {
        match of.kind() {
            Kind::Curve(inner, of) => {
                let curve = match (curve, *inner) {
                    (None, inner) => inner,
                    (Some(outer), inner) if outer == Curve::ReLU && inner == Curve::ReLU => inner,
                    // Never below zero.
                    (Some(Curve::ReLU), Curve::Sigmoid | Curve::Softplus | Curve::HardSigmoid(_)) => *inner,
                    (Some(outer), inner) => {
                        return Err(format!(
                            "rounds `{}` of `{}`, but one function is tabulated: quantize between them",
                            outer.op(),
                            inner.op()
                        ));
                    }
                };
                self.round(of, Some(curve), rounding)
            }
            Kind::Held { least, most, of } => {
                if let Some(curve) = curve.filter(|curve| *curve != Curve::ReLU) {
                    return Err(format!(
                        "rounds `{}` of what `Clip` gives: quantize between them",
                        curve.op()
                    ));
                }
                // Rounding keeps the order of numbers, so their ends may be rounded in place of them.
                let end = |bits: u32| (f32::from_bits(bits) / rounding.step).round_ties_even();
                let held = |level: i64| (level as f32).max(end(*least)).min(end(*most)) as i64;
                let range = Range::new(held(rounding.range.lo), held(rounding.range.hi));
                self.round(of, curve, &Rounding { range, ..rounding.clone() })
            }
            Kind::View(view, of_view) => {
                check_order(view, curve, rounding)?;
                let rounded = self.round(of_view, curve, rounding)?;
                Expr::new(Kind::View(view.clone(), rounded), of.shape().to_vec())
            }
            Kind::Concat(name, parts) => {
                let mut rounded = Vec::with_capacity(parts.len());
                for part in parts {
                    rounded.push(self.round(part, curve, rounding)?);
                }
                Expr::new(Kind::Concat(name.clone(), rounded), of.shape().to_vec())
            }
            Kind::Input => self.quantizer(Source::Input, of.shape(), curve, rounding),
            Kind::Standardized { mean, deviation } => {
                let rounded = self.quantizer(Source::Input, of.shape(), curve, rounding)?;
                let floats = |bits: &[u32]| bits.iter().map(|&bits| f32::from_bits(bits)).collect();
                let chosen = Standardization { mean: floats(mean), deviation: floats(deviation) };
                if let Some(Source::Field(index)) = rounded.source()
                    && let Learned::Step { standardization, .. } = &mut self.fields[index].learned
                {
                    *standardization = Some(chosen);
                }
                Ok(rounded)
            }
            Kind::Field(index) => self.quantizer(Source::Field(*index), of.shape(), curve, rounding),
        }
    }

    fn quantizer(
        &mut self,
        from: Source,
        shape: &[usize],
        curve: Option<Curve>,
        rounding: &Rounding<'_>,
    ) -> Result<Expr, String> {
        let mut range = rounding.range;
        if curve == Some(Curve::ReLU) {
            range.lo = range.lo.max(0);
        }
        let (bits, is_signed) = level_bits(range)?;
        // What the client rounds is clamped anyway.
        let curve = curve.filter(|curve| from != Source::Input || *curve != Curve::ReLU);
        let transfer = match curve {
            None if is_signed => Transfer::Signed,
            None => Transfer::Unsigned,
            Some(Curve::ReLU) => Transfer::ReLU,
            Some(_) => Transfer::Function { signed: Known::Now(is_signed) },
        };
        let layer = Quantizer { transfer, bits: Known::Now(bits), scale: Scale::Learned, tolerance: None };
        let index = self.fields.len();
        let name = self.names.field(rounding.node, rounding.op, None);
        self.push(Planned {
            name,
            layer: Layer::Quantizer(layer),
            from: vec![from],
            curve,
            learned: Learned::Step { step: rounding.step, levels: range, standardization: None },
            shape: shape.to_vec(),
            quantizer: Some(index),
        })?;
        self.field(index)
    }

    /// The field that gives an expression, for a layer that reads levels. A raw sum stays one; the laws speak of it.
    ///
    /// # Errors
    /// When a function has no quantizer behind it.
    pub(crate) fn settle(&mut self, expr: &Expr) -> Result<Source, String> {
        if let Some(source) = expr.source() {
            return Ok(source);
        }
        if let Some(&source) = self.settled.get(expr) {
            return Ok(source);
        }
        let index = match expr.kind() {
            Kind::Curve(curve, of) => self.settle_curve(*curve, of)?,
            Kind::View(view, of) => self.settle_view(view, of, expr.shape())?,
            Kind::Concat(name, parts) => {
                let mut from = Vec::with_capacity(parts.len());
                for part in parts {
                    from.push(self.settle(part)?);
                }
                self.share(&from)?;
                let name = self.names.field(name, "Concat", None);
                self.moved(name, &Layer::Concat, from, expr.shape())?
            }
            Kind::Held { .. } => {
                return Err(
                    "reads what `Clip` gives, which no quantizer rounds: put one behind it".to_owned()
                );
            }
            Kind::Standardized { .. } => {
                return Err(
                    "reads standardised features, which no quantizer rounds: put one behind them".to_owned()
                );
            }
            Kind::Input | Kind::Field(_) => return Ok(Source::Broken),
        };
        self.settled.insert(expr.clone(), Source::Field(index));
        Ok(Source::Field(index))
    }

    /// A `ReLU` of levels keeps those from zero; other functions of levels have to be rounded.
    fn settle_curve(&mut self, curve: Curve, of: &Expr) -> Result<usize, String> {
        let source = self.settle(of)?;
        let levels =
            self.quantizer_of(source).map(|quantizer| (quantizer, self.fields[quantizer].learned.clone()));
        let (Curve::ReLU, Some((quantizer, Learned::Step { step, levels, .. }))) = (curve, levels) else {
            return Err(format!(
                "reads what `{}` gives, which no quantizer rounds: put one behind it",
                curve.op()
            ));
        };
        if let (0.., Source::Field(index)) = (levels.lo, source) {
            return Ok(index);
        }
        let rounding = Rounding { node: "", op: "Relu", step, range: levels };
        let relu = self.quantizer(source, of.shape(), Some(Curve::ReLU), &rounding)?;
        match relu.source() {
            Some(Source::Field(index)) => {
                self.shares.insert(index, self.root(quantizer));
                Ok(index)
            }
            _ => Err("has no levels".to_owned()),
        }
    }

    fn settle_view(&mut self, view: &View, of: &Expr, dims: &[usize]) -> Result<usize, String> {
        let (name, layer, of) = match view {
            View::Pad(node, sides) => {
                let layer = Layer::Pad(Pad { padding: padding(sides) });
                (self.names.field(node, "Pad", None), layer, of)
            }
            View::Slice { name, start, end, axis } => {
                let layer =
                    Layer::Slice(Slice { start: number(*start), end: number(*end), axis: number(*axis) });
                (self.names.field(name, "Slice", None), layer, of)
            }
            View::Upsample(node, op, factor) => {
                let layer = Layer::Upsample(Upsample { factor: number(*factor) });
                (self.names.field(node, op, None), layer, of)
            }
            View::Reshape(node, op) => {
                let bare = of.unshaped();
                let source = self.settle(bare)?;
                if let Source::Field(index) = source
                    && self.fields[index].shape == dims
                {
                    return Ok(index);
                }
                let layer = if dims.len() == 1 {
                    Layer::Flatten
                } else {
                    Layer::Reshape(Reshape { shape: shape(dims) })
                };
                (self.names.field(node, op, None), layer, bare)
            }
            View::Transpose(node, order) => {
                let axes: Vec<Known<i64>> = order.iter().map(|&axis| number(axis)).collect();
                let layer = Layer::Transpose(Transpose { axes: Axes::new(&axes) });
                (self.names.field(node, "Transpose", None), layer, of)
            }
            View::MaxPool(name, sliding) => {
                let layer = Layer::MaxPool(MaxPool { window: sliding.window(), acc_bits: None });
                (self.names.field(name, "MaxPool", None), layer, of)
            }
        };
        let from = self.settle(of)?;
        self.moved(name, &layer, vec![from], dims)
    }

    /// A layer that gives levels of what it reads.
    fn moved(
        &mut self,
        name: String,
        layer: &Layer,
        from: Vec<Source>,
        shape: &[usize],
    ) -> Result<usize, String> {
        let quantizer = from.first().and_then(|&source| self.quantizer_of(source));
        let shape = shape.to_vec();
        self.push(Planned {
            name,
            layer: *layer,
            from,
            curve: None,
            learned: Learned::Nothing,
            shape,
            quantizer,
        })
    }

    /// A layer that gives sums.
    ///
    /// # Errors
    /// When there are too many.
    pub(crate) fn sums(
        &mut self,
        name: String,
        layer: &Layer,
        from: Vec<Source>,
        learned: Learned,
        shape: Vec<usize>,
    ) -> Result<Expr, String> {
        let field = Planned { name, layer: *layer, from, curve: None, learned, shape, quantizer: None };
        let index = self.push(field)?;
        self.field(index)
    }

    /// The sum of levels.
    ///
    /// # Errors
    /// When their steps differ.
    pub(crate) fn add(&mut self, node: &str, parts: &[Expr]) -> Result<Expr, String> {
        let mut from = Vec::with_capacity(parts.len());
        for part in parts {
            from.push(self.settle(part)?);
        }
        self.share(&from)?;
        let name = self.names.field(node, "Add", None);
        let shape = parts.first().map(|part| part.shape().to_vec()).unwrap_or_default();
        self.sums(name, &Layer::Add(Add { acc_bits: None }), from, Learned::Nothing, shape)
    }

    /// Gives every quantizer that shares a step its owner.
    pub(crate) fn finish(&mut self) {
        for index in 0..self.fields.len() {
            let root = self.root(index);
            if let Layer::Quantizer(quantizer) = &mut self.fields[index].layer
                && root != index
            {
                quantizer.scale = Scale::From(Source::Field(root));
            }
        }
    }
}

/// Whether a function and a rounding number by number may change places with a view that stands before them.
fn check_order(view: &View, curve: Option<Curve>, rounding: &Rounding<'_>) -> Result<(), String> {
    match (view, curve) {
        (View::MaxPool(..), Some(curve)) if !curve.is_monotone() => Err(format!(
            "rounds `{}` of maxima, which falls somewhere: quantize between the two, or put the function first",
            curve.op()
        )),
        (View::Pad(..), Some(curve)) if !curve.keeps_zero() => Err(format!(
            "rounds `{}` of zeros of a `Pad`, which are none then: quantize between the two",
            curve.op()
        )),
        (View::Pad(..), _) if !rounding.range.contains(Range::new(0, 0)) => {
            Err("holds the zeros of a `Pad` at another number: quantize between the two".to_owned())
        }
        _ => Ok(()),
    }
}
