//! A graph of integer-valued floats.
//!
//! Every tensor between the input and the outputs holds integers, which floats of 32 bits hold exactly, so the order of a sum
//! does not matter and no optimisation of a runtime changes a result. A staircase is `Mul`, `Add`, `Round` and `Clip` in the
//! arithmetic of training; that of a function is a sum of steps.

use fheqat_runtime::{
    quant::Requantize,
    spec::{Layer, Source, Window},
};

use super::{
    ExportError, moves,
    parts::{Features, Trained},
    table::jumps,
    writer::{Writer, integer, list, window},
};

/// The most levels of a function's staircase.
const MOST_RISES: usize = 512;

/// Writes a network as ONNX of integer-valued floats. It reads features `[batch, ...]` as the client does, and gives `logits`
/// `[batch, outputs]` and `integers`, the sums or levels that are decrypted.
///
/// # Errors
/// When the client does more than round features, or standardise and round them.
pub fn integers(network: &Trained) -> Result<Vec<u8>, ExportError> {
    let mut graph = Graph { network, writer: Writer::default(), values: Vec::new() };
    graph.writer.input("input", &network.input_dims());
    for index in 0..network.net.fields.len() {
        let value = graph.field(index)?;
        graph.values.push(value);
    }
    graph.outputs();
    Ok(graph.writer.finish(network.net.name, false))
}

struct Graph<'a> {
    network: &'a Trained,
    writer: Writer,
    /// The tensor that each field gives.
    values: Vec<String>,
}

impl Graph<'_> {
    fn field(&mut self, index: usize) -> Result<String, ExportError> {
        let field = &self.network.net.fields[index];
        let name = field.name;
        let operands = self.network.operands(index, &self.values);
        let of: Vec<&str> = operands.iter().map(String::as_str).collect();
        Ok(match &field.layer {
            Layer::Quantizer(_) if self.network.net.reads_plain(index) => self.features(index)?,
            Layer::Quantizer(_) => self.staircases(index, of[0])?,
            Layer::Linear(_) | Layer::Conv(_) => self.sums(index, of[0])?,
            // Staircases and the outputs' scale hold what they do.
            Layer::BatchNorm | Layer::Constant(_) | Layer::Dropout(_) => operands[0].clone(),
            Layer::Add(_) => {
                let mut sum = operands[0].clone();
                for other in &of[1..] {
                    sum = self.writer.node(name, "Add", &[&sum, other], Vec::new());
                }
                sum
            }
            Layer::Pool(pool) => self.pool(index, of[0], pool.window)?,
            Layer::MaxPool(pool) => {
                self.writer.node(name, "MaxPool", &of, window(&pool.window, &self.network.over(index)))
            }
            _ => moves::moved(&mut self.writer, self.network, index, &of)
                .ok_or_else(|| self.network.failed(index, "it has no counterpart in ONNX"))?,
        })
    }

    /// The levels of features.
    fn features(&mut self, index: usize) -> Result<String, ExportError> {
        let name = self.network.net.fields[index].name;
        let Features { step, levels, standardized } = self.network.rounding(index)?;
        let mut value = "input".to_owned();
        if let Some((mean, deviation)) = standardized {
            let dims = self.network.input_dims();
            let mean = self.writer.floats(&format!("{name}.mean"), &dims, mean.to_vec());
            value = self.writer.node(name, "Sub", &[&value, &mean], Vec::new());
            let deviation = self.writer.floats(&format!("{name}.deviation"), &dims, deviation.to_vec());
            value = self.writer.node(name, "Div", &[&value, &deviation], Vec::new());
        }
        let step = self.writer.float(&format!("{name}.step"), step);
        value = self.writer.node(name, "Div", &[&value, &step], Vec::new());
        Ok(self.rounded(name, &value, levels.lo, levels.hi))
    }

    fn rounded(&mut self, name: &str, value: &str, lo: i64, hi: i64) -> String {
        let rounded = self.writer.node(name, "Round", &[value], Vec::new());
        let ends = [("lo", lo), ("hi", hi)]
            .map(|(end, level)| self.writer.float(&format!("{name}.{end}"), level as f32));
        self.writer.node(name, "Clip", &[&rounded, &ends[0], &ends[1]], Vec::new())
    }

    /// Numbers for each channel, in the shape that a tensor of a field broadcasts them; one where all are the same.
    fn channels(&mut self, index: usize, part: &str, values: Vec<f32>) -> String {
        let name = format!("{}.{part}", self.network.net.fields[index].name);
        if values.iter().all(|value| value.to_bits() == values[0].to_bits()) {
            return self.writer.float(&name, values[0]);
        }
        let mut dims = vec![1; self.network.dims(index).len()];
        dims[0] = values.len() as i64;
        self.writer.floats(&name, &dims, values)
    }

    /// What the numbers of a field, channels first, have for each channel.
    fn each<T: Copy>(&self, index: usize, of: &[T]) -> Vec<T> {
        let channels = self.network.dims(index).first().map_or(1, |&channels| channels as usize);
        of.iter().step_by((of.len() / channels.max(1)).max(1)).copied().collect()
    }

    /// The levels of sums.
    fn staircases(&mut self, index: usize, of: &str) -> Result<String, ExportError> {
        let name = self.network.net.fields[index].name;
        let staircases = self.each(index, self.network.quantized.fields[index].staircases());
        let Some(first) = staircases.first() else {
            return Err(self.network.failed(index, "it has no staircase"));
        };
        if first.lookup.is_some() {
            return self.steps(index, of, &staircases);
        }
        let levels = first.levels;
        let part = |of: fn(&Requantize) -> f32| staircases.iter().map(of).collect::<Vec<_>>();
        let gain = self.channels(index, "gain", part(|staircase| staircase.gain));
        let mut value = self.writer.node(name, "Mul", &[of, &gain], Vec::new());
        if staircases.iter().any(|staircase| staircase.divisor.to_bits() != 1.0f32.to_bits()) {
            let divisor = self.channels(index, "divisor", part(|staircase| staircase.divisor));
            value = self.writer.node(name, "Div", &[&value, &divisor], Vec::new());
        }
        let offset = self.channels(index, "offset", part(|staircase| staircase.offset));
        value = self.writer.node(name, "Add", &[&value, &offset], Vec::new());
        Ok(self.rounded(name, &value, levels.lo, levels.hi))
    }

    /// The levels of a function of sums: for each rise of its staircases `Clip(sum - first sum + 1, 0, 1)`, times its height.
    fn steps(&mut self, index: usize, of: &str, staircases: &[Requantize]) -> Result<String, ExportError> {
        let field = &self.network.net.fields[index];
        let (name, from) = (field.name, field.from.first());
        let Some(&Source::Field(from)) = from else {
            return Err(self.network.failed(index, "a function of features stays with the client"));
        };
        let sums = self.network.range(from);
        let tables: Vec<_> = staircases.iter().map(|staircase| jumps(staircase, sums)).collect();
        let most = tables.iter().map(|(_, jumps)| jumps.len()).max().unwrap_or_default();
        if most > MOST_RISES {
            return Err(self.network.failed(index, "its function changes its level too often"));
        }
        let firsts = tables.iter().map(|(first, _)| *first as f32).collect();
        let mut value = self.channels(index, "first", firsts);
        let ends = [("zero", 0.0), ("one", 1.0)]
            .map(|(end, value)| self.writer.float(&format!("{name}.{end}"), value));
        for rise in 0..most {
            let part = |of: &dyn Fn(&super::table::Jump) -> f32| {
                tables.iter().map(|(_, jumps)| jumps.get(rise).map_or(0.0, of)).collect::<Vec<_>>()
            };
            let at = self.channels(index, &format!("at{rise}"), part(&|jump| (1 - jump.at) as f32));
            let by = self.channels(index, &format!("by{rise}"), part(&|jump| jump.by as f32));
            let moved = self.writer.node(name, "Add", &[of, &at], Vec::new());
            let step = self.writer.node(name, "Clip", &[&moved, &ends[0], &ends[1]], Vec::new());
            let step = self.writer.node(name, "Mul", &[&step, &by], Vec::new());
            value = self.writer.node(name, "Add", &[&step, &value], Vec::new());
        }
        if most == 0 {
            // Every sum has the same level, in the shape of the sums.
            let nothing = self.writer.node(name, "Mul", &[of, &ends[0]], Vec::new());
            value = self.writer.node(name, "Add", &[&nothing, &value], Vec::new());
        }
        Ok(value)
    }

    /// Sums of products. They are integers; `Round` keeps them apart from the factor behind them, which some runtimes would else
    /// multiply into the weights.
    fn sums(&mut self, index: usize, of: &str) -> Result<String, ExportError> {
        let field = &self.network.net.fields[index];
        let name = field.name;
        let Some(weights) = self.network.quantized.fields[index].weights() else {
            return Err(self.network.failed(index, "it has no integer weights"));
        };
        let (rows, columns) = weights.dim();
        let sums = if let Layer::Conv(conv) = &field.layer {
            let groups = conv.groups.or(1);
            let mut dims = vec![rows as i64, conv.filters.inputs.or(1) / groups.max(1)];
            dims.extend(vec![conv.window.kernel.or(1); conv.window.axes]);
            let values = weights.iter().map(|&weight| weight as f32).collect();
            let weight = self.writer.floats(&format!("{name}.weight"), &dims, values);
            let mut attributes = window(&conv.window, &self.network.over(index));
            attributes.push(integer("group", groups));
            self.writer.node(name, "Conv", &[of, &weight], attributes)
        } else {
            let values = weights.t().iter().map(|&weight| weight as f32).collect();
            let weight =
                self.writer.floats(&format!("{name}.weight"), &[columns as i64, rows as i64], values);
            self.writer.node(name, "MatMul", &[of, &weight], Vec::new())
        };
        Ok(self.writer.node(name, "Round", &[&sums], Vec::new()))
    }

    /// Sums of windows: filters of ones, one for each channel.
    fn pool(&mut self, index: usize, of: &str, over: Option<Window>) -> Result<String, ExportError> {
        let field = &self.network.net.fields[index];
        let name = field.name;
        let Some(&Source::Field(from)) = field.from.first() else {
            return Err(self.network.failed(index, "it reads no levels"));
        };
        let dims = self.network.dims(from);
        let channels = dims[0];
        let sides = over.map_or_else(|| dims[1..].to_vec(), |window| vec![window.kernel.or(1); window.axes]);
        let shape: Vec<i64> = [channels, 1].iter().chain(&sides).copied().collect();
        let ones = vec![1.0; shape.iter().product::<i64>() as usize];
        let ones = self.writer.floats(&format!("{name}.ones"), &shape, ones);
        let mut attributes =
            over.as_ref().map_or_else(|| vec![list("kernel_shape", sides)], |over| window(over, &dims[1..]));
        attributes.push(integer("group", channels));
        let sums = self.writer.node(name, "Conv", &[of, &ones], attributes);
        let sums = self.writer.node(name, "Round", &[&sums], Vec::new());
        Ok(match over {
            Some(_) => sums,
            None => self.writer.node(name, "Flatten", &[&sums], vec![integer("axis", 1)]),
        })
    }

    /// The integers that are decrypted, and what they stand for.
    fn outputs(&mut self) {
        let last = self.values.len() - 1;
        let dims = self.network.dims(last);
        let output = &self.network.quantized.output;
        let given = self.values[last].clone();
        let (scale, bias) = (self.each(last, &output.scale), self.each(last, &output.bias));
        let scale = self.channels(last, "output_scale", scale);
        let bias = self.channels(last, "output_bias", bias);
        let name = self.network.net.fields[last].name;
        let value = self.writer.node(name, "Mul", &[&given, &scale], Vec::new());
        let value = self.writer.node(name, "Add", &[&value, &bias], Vec::new());
        self.writer.rename(&value, "logits");
        self.writer.output("logits", &dims);
        self.writer.rename(&given, "integers");
        self.writer.output("integers", &dims);
    }
}
