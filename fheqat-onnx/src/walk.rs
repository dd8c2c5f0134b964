//! One walk along the nodes of a graph: what each tensor is.

use std::{collections::HashMap, rc::Rc};

use fheqat_runtime::spec::Range;

use crate::{
    build::Builder,
    expr::{Expr, Kind},
    graph::Graph,
    node::{Node, printable},
    problem::{Note, Problem},
    quantization::Quantized,
    tensor::Tensor,
};

/// How often each byte of a file may count as a number: constants are quantized, transposed and kept as weights.
const COPIES: usize = 8;
/// Numbers that small files may make.
const SMALL: usize = 1 << 14;

/// A tensor.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Numbers of the file.
    Constant(Rc<Tensor>),
    /// Numbers of the file, quantized.
    Weights(Rc<Quantized>),
    /// Integers of a `QuantizeLinear`, which a `DequantizeLinear` reads.
    Integers(Rc<Integers>),
    /// What depends on the input.
    Wire(Expr),
    /// Dimensions of such a tensor; `None` counts samples.
    Lengths(Vec<Option<i64>>),
    /// A node that was refused gives it.
    Unknown,
}

/// What a `QuantizeLinear` gives, or an integer constant.
#[derive(Clone, Debug)]
pub(crate) struct Integers {
    pub(crate) of: Rounded,
    pub(crate) range: Range,
}

/// What was rounded.
#[derive(Clone, Debug)]
pub(crate) enum Rounded {
    /// With this scale, and by the node of this name.
    Wire { expr: Expr, step: f32, node: String },
    /// Integers of the file.
    Constant(Rc<Tensor>),
    /// Floats of the file.
    Floats { tensor: Rc<Tensor>, scale: Rc<Tensor>, axis: Option<usize> },
}

/// The walk.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    pub(crate) graph: &'a Graph<'a>,
    pub(crate) builder: Builder,
    pub(crate) notes: Vec<Note>,
    pub(crate) problems: Vec<Problem>,
    values: HashMap<&'a str, Value>,
}

impl<'a> Walk<'a> {
    /// At the input.
    pub(crate) fn new(graph: &'a Graph<'a>) -> Self {
        let mut walk = Self {
            graph,
            builder: Builder::new(graph.size.saturating_mul(COPIES).saturating_add(SMALL)),
            notes: Vec::new(),
            problems: Vec::new(),
            values: HashMap::new(),
        };
        if let Ok(input) = Expr::new(Kind::Input, graph.shape.clone()) {
            walk.values.insert(graph.input, Value::Wire(input));
        }
        walk
    }

    /// Gives outputs their values; what was refused is not known.
    pub(crate) fn give(&mut self, node: Node<'a>, given: Result<Vec<Value>, String>) {
        let is_known = given.as_ref().is_ok_and(|values| !values.is_empty());
        let values = given.unwrap_or_else(|reason| {
            self.problems.push(node.problem(reason));
            Vec::new()
        });
        let mut values = values.into_iter();
        for output in &node.0.output {
            let value = values.next();
            if output.is_empty() {
                continue;
            }
            if is_known && value.is_none() && self.graph.readers.contains_key(output.as_str()) {
                self.problems.push(node.problem(format!(
                    "gives `{}` too, but only the first output of a node is read",
                    printable(output)
                )));
            }
            self.values.insert(output, value.unwrap_or(Value::Unknown));
        }
    }

    /// Values, once their numbers are counted.
    pub(crate) fn counted(&mut self, values: Vec<Value>) -> Result<Vec<Value>, String> {
        let numbers = values.iter().map(Self::numbers).sum();
        self.builder.spend(numbers).map(|()| values)
    }

    /// Numbers of constants that a value has.
    fn numbers(value: &Value) -> usize {
        match value {
            Value::Constant(tensor) => tensor.len(),
            Value::Weights(weights) => weights.integers.len(),
            Value::Wire(expr) if matches!(expr.kind(), Kind::Standardized { .. }) => {
                expr.shape().iter().product()
            }
            _ => 0,
        }
    }

    /// Whether nothing that a node reads was refused. What no node gives is refused here.
    pub(crate) fn is_clear(&mut self, node: Node<'a>) -> bool {
        let mut is_clear = true;
        for name in node.0.input.iter().filter(|name| !name.is_empty()) {
            if matches!(self.values.get(name.as_str()), Some(Value::Unknown)) {
                is_clear = false;
            } else if !self.values.contains_key(name.as_str()) {
                match self.constant(name) {
                    Ok(value) => {
                        self.values.insert(name, value);
                    }
                    Err(reason) => {
                        self.problems.push(node.problem(reason));
                        self.values.insert(name, Value::Unknown);
                        is_clear = false;
                    }
                }
            }
        }
        is_clear
    }

    fn constant(&self, name: &str) -> Result<Value, String> {
        match self.graph.constants.get(name) {
            Some(proto) => Ok(Value::Constant(Rc::new(Tensor::read(proto)?))),
            None => Err(format!("reads `{}`, which no node before it gives", printable(name))),
        }
    }

    /// The operand at a place, where there is one.
    pub(crate) fn operand(&self, node: Node<'a>, place: usize) -> Option<Value> {
        let name = node.0.input.get(place).filter(|name| !name.is_empty())?;
        self.values.get(name.as_str()).cloned()
    }

    /// # Errors
    /// When there is no operand at the place.
    pub(crate) fn required(&self, node: Node<'a>, place: usize) -> Result<Value, String> {
        self.operand(node, place).ok_or_else(|| format!("has no operand {place}"))
    }

    /// An operand that depends on the input.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn wire(&self, node: Node<'a>, place: usize) -> Result<Expr, String> {
        match self.required(node, place)? {
            Value::Wire(expr) => Ok(expr),
            Value::Integers(_) => {
                Err("reads integers: a `DequantizeLinear` has to follow each `QuantizeLinear`".to_owned())
            }
            _ => Err("reads a constant where the network's numbers are expected".to_owned()),
        }
    }

    /// Whether a node reads dimensions.
    pub(crate) fn reads_lengths(&self, node: Node<'a>) -> bool {
        (0..node.0.input.len()).any(|place| matches!(self.operand(node, place), Some(Value::Lengths(_))))
    }

    /// A constant operand.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn tensor(&self, node: Node<'a>, place: usize) -> Result<Rc<Tensor>, String> {
        match self.required(node, place)? {
            Value::Constant(tensor) => Ok(tensor),
            Value::Integers(integers) => match &integers.of {
                Rounded::Constant(tensor) => Ok(Rc::clone(tensor)),
                _ => Err(format!("has an operand {place} that is no constant")),
            },
            _ => Err(format!("has an operand {place} that is no constant")),
        }
    }

    /// How many nodes, or the output, read a tensor.
    pub(crate) fn readers(&self, name: &str) -> usize {
        self.graph.readers.get(name).copied().unwrap_or_default()
    }

    /// What the output of the graph is.
    pub(crate) fn output(&self) -> Option<Value> {
        self.values.get(self.graph.output).cloned()
    }
}
