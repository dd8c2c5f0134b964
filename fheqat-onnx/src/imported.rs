//! An import: from the bytes of a file to a network.

use fheqat_runtime::{
    nn::Assembled,
    quant::activation::Function,
    spec::{Known, Law, Layer, Net, Source, Verdict, judge_each},
};

use crate::{
    expr::{Expr, Kind, View},
    graph::{Graph, decode},
    names::type_name,
    node::printable,
    ops,
    plan::{Curve, Learned, Planned, with_net},
    problem::{ImportError, Note, Problem},
    source, ties,
    walk::{Value, Walk},
    weights,
};

/// What an import may be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportOptions {
    /// The name of the struct, in any form: `guide mlp` becomes `GuideMlp`. Default: `Imported`.
    pub name: String,
    /// The most bytes that a file may have. Default: 1 GiB.
    pub max_bytes: usize,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { name: "Imported".to_owned(), max_bytes: 1 << 30 }
    }
}

/// A network that was imported; it keeps every law.
#[derive(Clone, Debug)]
pub struct Imported {
    name: String,
    input: Option<Vec<usize>>,
    features: Vec<usize>,
    fields: Vec<Planned>,
    notes: Vec<Note>,
}

/// Reads a file of ONNX.
///
/// # Errors
/// When it is no such file, has parts without a counterpart, or the network breaks a law.
pub fn import(bytes: &[u8], options: &ImportOptions) -> Result<Imported, ImportError> {
    let model = decode(bytes, options.max_bytes)?;
    let graph = Graph::of(&model, bytes.len())?;
    let mut walk = ops::walk(&graph);
    end(&mut walk);
    walk.builder.finish();
    let Walk { builder, mut notes, mut problems, .. } = walk;
    let mut fields = builder.fields;
    let name = type_name(&options.name);
    let input = needed_input(&name, &graph.shape, &fields);
    budgets(&name, input.as_deref(), &mut fields, &mut notes);
    let is_whole = problems.is_empty();
    with_net(&name, input.as_deref(), &fields, |net| {
        for (field, verdict) in net.fields.iter().zip(judge_each(net)) {
            let broken = verdict.issues().filter(|issue| is_whole || issue.law() != Law::Wiring);
            problems.extend(broken.map(|issue| Problem {
                node: field.name.to_owned(),
                op: format!("law {}", format!("{:?}", issue.law()).to_lowercase()),
                reason: issue.to_string(),
            }));
        }
        notes.extend(ties::found(&fields, net));
    });
    if !problems.is_empty() {
        return Err(ImportError::Unsupported(problems));
    }
    Ok(Imported { name, input, features: graph.shape.clone(), fields, notes })
}

/// Makes the last field the output of the graph.
fn end(walk: &mut Walk<'_>) {
    let output = printable(walk.graph.output);
    let fail = |walk: &mut Walk<'_>, reason: String| {
        walk.problems.push(Problem { node: output.clone(), op: "output".to_owned(), reason });
    };
    match walk.output() {
        Some(Value::Wire(expr)) => {
            let given = stripped(&expr).clone();
            let settled = match given.kind() {
                Kind::Curve(curve, _) => Err(format!(
                    "is what `{}` gives, which no quantizer rounds: leave the function out, for clients compute probabilities from what the network gives, or put a quantizer behind it",
                    curve.op()
                )),
                _ => walk.builder.settle(&given),
            };
            match settled {
                Ok(Source::Field(_)) => {}
                Ok(_) => fail(walk, "is the input: there is no network between them".to_owned()),
                Err(reason) => fail(walk, reason),
            }
        }
        Some(Value::Unknown) => {}
        Some(_) | None => fail(walk, "does not depend on the input, or no node gives it".to_owned()),
    }
}

/// Without views that keep the order of numbers, which do not matter behind the last layer.
fn stripped(expr: &Expr) -> &Expr {
    match expr.kind() {
        Kind::View(View::Reshape(..), of) => stripped(of),
        _ => expr,
    }
}

/// The shape of the input, where the struct has to name it.
fn needed_input(name: &str, shape: &[usize], fields: &[Planned]) -> Option<Vec<usize>> {
    let found =
        with_net(name, None, fields, |net| if fields.is_empty() { Known::Later } else { net.input_shape() });
    (found != Known::Now(crate::plan::shape(shape))).then(|| shape.to_vec())
}

/// Declares the budgets that weights have, where only they keep the bound of a sum.
fn budgets(name: &str, input: Option<&[usize]>, fields: &mut [Planned], notes: &mut Vec<Note>) {
    let wide: Vec<usize> = with_net(name, input, fields, |net| {
        let is_wide = |verdict: &Verdict<'_>| verdict.issue(Law::Overflow).is_some();
        judge_each(net)
            .iter()
            .enumerate()
            .filter(|(_, verdict)| is_wide(verdict))
            .map(|(index, _)| index)
            .collect()
    });
    for index in wide {
        let field = &mut fields[index];
        let columns = field.fan_in().unwrap_or(1).max(1);
        let Learned::Weights { integers, .. } = &field.learned else { continue };
        let of_row = |row: &[i32]| row.iter().map(|weight| i64::from(weight.unsigned_abs())).sum::<i64>();
        let budget = integers.chunks(columns).map(of_row).max().unwrap_or_default().max(1);
        let (Layer::Linear(row) | Layer::Conv(fheqat_runtime::spec::Conv { filters: row, .. })) =
            &mut field.layer
        else {
            continue;
        };
        row.max_l1 = Some(Known::Now(budget));
        notes.push(Note {
            field: field.name.clone(),
            text: format!(
                "`max_l1 = {budget}` is declared, which its weights keep: with all weights that its width allows, sums would be too wide"
            ),
        });
    }
}

impl Imported {
    /// The name of the struct.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the import did that may surprise: ties that the other library may round differently, options that were added.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The shape of a sample, without the batch.
    #[must_use]
    pub fn features(&self) -> &[usize] {
        &self.features
    }

    /// Numbers that the network gives for one sample.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.fields.last().map_or(0, Planned::width)
    }

    /// The annotated struct as Rust source, without imports.
    #[must_use]
    pub fn source(&self) -> String {
        source::of(&self.name, self.input.as_deref(), &self.fields)
    }

    /// Its weights as safetensors, which `Network::load` of the struct reads.
    #[must_use]
    pub fn weights(&self) -> Vec<u8> {
        weights::file(&self.fields)
    }

    /// Calls `then` with the description of the network.
    pub fn with_net<T>(&self, then: impl FnOnce(&Net<'_>) -> T) -> T {
        with_net(&self.name, self.input.as_deref(), &self.fields, then)
    }

    /// The network, ready to run and to become a circuit, without compiling its source.
    ///
    /// # Errors
    /// When it has numbers with which none can run.
    pub fn network(&self) -> Result<Assembled, ImportError> {
        let functions: Vec<Option<Function>> =
            self.fields.iter().map(|field| field.curve.and_then(Curve::function)).collect();
        let mut network = self.with_net(|net| Assembled::new(net, &functions))?;
        network.load(&self.weights())?;
        Ok(network)
    }
}
