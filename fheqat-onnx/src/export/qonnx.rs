//! A graph of `Quant` nodes.

use fheqat_runtime::{
    quant::transition::{Channel, Dequantize},
    spec::{Conv, Layer, Linear, Pool, Quantizer, Range, Source, Transfer, WeightRange},
};

use ndarray::Array2;

use super::{
    ExportError, curves, moves,
    parts::{Part, Trained},
    table::{Stairs, bias},
    writer::{QONNX, Writer, float, integer, text, window},
};

/// Writes a network as QONNX: float weights and biases, and a `Quant` for each quantizer and each layer with weights. What it
/// gives when it is imported again has the same levels for every input.
///
/// Floats of other tools round sums that lie exactly between two levels as they like; what a layer of a centred bias sums
/// often does. [`integers`](super::integers()) has no such sums.
///
/// # Errors
/// When the client does more than round features, or a layer has no counterpart.
pub fn qonnx(network: &Trained) -> Result<Vec<u8>, ExportError> {
    let mut graph = Graph { network, writer: Writer::default(), values: Vec::new() };
    graph.writer.input("input", &network.input_dims());
    for index in 0..network.net.fields.len() {
        let value = graph.field(index)?;
        graph.values.push(value);
    }
    if let Some(last) = graph.values.last().cloned() {
        graph.writer.rename(&last, "logits");
        graph.writer.output("logits", &network.dims(network.net.fields.len() - 1));
    }
    Ok(graph.writer.finish(network.net.name, true))
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
            Layer::Quantizer(quantizer) => self.quantizer(index, quantizer, of[0])?,
            Layer::Linear(row) => self.dense(index, row, of[0])?,
            Layer::Conv(conv) => self.conv(index, conv, of[0])?,
            Layer::BatchNorm => self.norm(index, of[0])?,
            Layer::Dropout(_) => operands[0].clone(),
            Layer::Add(_) => {
                if of.len() > 2 {
                    return Err(self
                        .network
                        .failed(index, "it adds more than two tensors, which QONNX rounds between"));
                }
                self.writer.node(name, "Add", &of, Vec::new())
            }
            Layer::Pool(Pool { window: Some(over), .. }) => {
                if over.dilation.or(1) != 1 {
                    return Err(self.network.failed(
                        index,
                        "averages have no dilation in this version of ONNX: export it by `integers`",
                    ));
                }
                let mut attributes = window(over, &self.network.over(index));
                attributes.push(integer("count_include_pad", 1));
                self.writer.node(name, "AveragePool", &of, attributes)
            }
            Layer::Pool(Pool { window: None, .. }) => {
                let average = self.writer.node(name, "GlobalAveragePool", &of, Vec::new());
                self.writer.node(name, "Flatten", &[&average], vec![integer("axis", 1)])
            }
            Layer::MaxPool(pool) => {
                self.writer.node(name, "MaxPool", &of, window(&pool.window, &self.network.over(index)))
            }
            Layer::Constant(_) => {
                return Err(self
                    .network
                    .failed(index, "constants are not written as QONNX: export it by `integers`"));
            }
            _ => moves::moved(&mut self.writer, self.network, index, &of)
                .ok_or_else(|| self.network.failed(index, "it has no counterpart in QONNX"))?,
        })
    }

    /// A function, the ends of the levels where they are not those of a width, and a `Quant`.
    fn quantizer(&mut self, index: usize, quantizer: &Quantizer, of: &str) -> Result<String, ExportError> {
        let name = self.network.net.fields[index].name;
        let (step, levels, mut value) = if self.network.net.reads_plain(index) {
            let features = self.network.rounding(index)?;
            let mut value = of.to_owned();
            if let Some((mean, deviation)) = features.standardized {
                let dims = self.network.input_dims();
                for (op, part, values) in [("Sub", "mean", mean), ("Div", "deviation", deviation)] {
                    let constant = self.writer.floats(&format!("{name}.{part}"), &dims, values.to_vec());
                    value = self.writer.node(name, op, &[&value, &constant], Vec::new());
                }
            }
            (features.step, features.levels, value)
        } else {
            let staircases = self.network.quantized.fields[index].staircases();
            let levels = staircases.first().map(|staircase| staircase.levels);
            let (Some(step), Some(levels)) = (self.network.step(index), levels) else {
                return Err(self.network.failed(index, "it has no step"));
            };
            let function =
                staircases.first().and_then(|staircase| staircase.lookup).map(|lookup| lookup.function);
            let value = match (quantizer.transfer, function) {
                (Transfer::Signed | Transfer::Unsigned, _) => of.to_owned(),
                (Transfer::ReLU, _) => self.writer.node(name, "Relu", &[of], Vec::new()),
                (_, function) => {
                    let written =
                        function.and_then(|function| curves::function(&mut self.writer, name, function, of));
                    written.ok_or_else(|| {
                        let known = function.map_or_else(|| "?".to_owned(), |function| function.name());
                        let reason = format!("QONNX has no function `{known}`: export it by `integers`");
                        self.network.failed(index, &reason)
                    })?
                }
            };
            (step, levels, value)
        };
        let declared = quantizer.levels().or(levels);
        let is_narrow = levels == Range::new(declared.lo + 1, declared.hi) && declared.lo < 0;
        if levels != declared && !is_narrow {
            let end = |level: i64| level as f32 * step;
            let ends = [("least", levels.lo), ("most", levels.hi)]
                .map(|(part, level)| self.writer.float(&format!("{name}.{part}"), end(level)));
            value = self.writer.node(name, "Clip", &[&value, &ends[0], &ends[1]], Vec::new());
        }
        let bits = quantizer.bits.or(1);
        Ok(self.quant(name, (&value, step), bits, declared.lo < 0, is_narrow))
    }

    fn quant(
        &mut self,
        name: &str,
        (value, step): (&str, f32),
        bits: i64,
        is_signed: bool,
        is_narrow: bool,
    ) -> String {
        let scale = self.writer.float(&format!("{name}.step"), step);
        self.quant_by(name, value, &scale, bits, is_signed, is_narrow)
    }

    fn quant_by(
        &mut self,
        name: &str,
        value: &str,
        scale: &str,
        bits: i64,
        is_signed: bool,
        is_narrow: bool,
    ) -> String {
        let zero = self.writer.float("zero_point", 0.0);
        let width = self.writer.float(&format!("bits_{bits}"), bits as f32);
        let attributes = vec![
            integer("signed", i64::from(is_signed)),
            integer("narrow", i64::from(is_narrow)),
            text("rounding_mode", "ROUND"),
        ];
        self.writer.node_of(QONNX, name, "Quant", &[value, scale, &zero, &width], attributes)
    }

    /// Quantized weights of these dimensions, and the bias.
    fn weights(
        &mut self,
        index: usize,
        row: &Linear,
        dims: &[i64],
    ) -> Result<(String, Option<String>), ExportError> {
        let name = self.network.net.fields[index].name;
        let field = &self.network.quantized.fields[index];
        let Some(integers) = field.weights() else {
            return Err(self.network.failed(index, "it has no integer weights"));
        };
        let scales = &self.scales(index)?;
        let columns = integers.ncols();
        let each = |place: usize| scales[place / columns.max(1) % scales.len()];
        let values =
            integers.iter().enumerate().map(|(place, &integer)| integer as f32 * each(place)).collect();
        let weight = self.writer.floats(&format!("{name}.weight"), dims, values);
        let mut of_scale = vec![1; dims.len()];
        of_scale[0] = scales.len() as i64;
        let of_scale = if scales.len() == 1 { Vec::new() } else { of_scale };
        let scale = self.writer.floats(&format!("{name}.scale"), &of_scale, scales.clone());
        let is_narrow = row.weight_range == WeightRange::Narrow;
        let module = format!("{name}/weight_quant");
        let weight = self.quant_by(&module, &weight, &scale, row.weight_bits.or(8), true, is_narrow);
        let bias = self.biases(index)?;
        let bias = bias.map(|bias| self.writer.floats(&format!("{name}.bias"), &[bias.len() as i64], bias));
        Ok((weight, bias))
    }

    /// The scales of a layer's weights, in the units of the targets where the client alone reads its sums.
    fn scales(&self, index: usize) -> Result<Vec<f32>, ExportError> {
        let (Part::Weights { scales, .. }, Some(step)) = (&self.network.learned[index], self.step_in(index))
        else {
            return Err(self.network.failed(index, "it reads no levels"));
        };
        let rows = self.network.quantized.fields[index].weights().map_or(0, Array2::nrows);
        let output = &self.network.quantized.output;
        let each = (output.scale.len() / rows.max(1)).max(1);
        let is_as_trained =
            |row: usize| output.scale[row * each].to_bits() == (scales[row % scales.len()] * step).to_bits();
        if !self.network.is_output(index) || !self.readers_are_plain(index) || (0..rows).all(is_as_trained) {
            return Ok(scales.clone());
        }
        Ok((0..rows).map(|row| output.scale[row * each] / step).collect())
    }

    fn dense(&mut self, index: usize, row: &Linear, of: &str) -> Result<String, ExportError> {
        let name = self.network.net.fields[index].name;
        let (weight, bias) = self.weights(index, row, &[row.outputs.or(1), row.inputs.or(1)])?;
        let inputs: Vec<&str> = [of, &weight].into_iter().chain(bias.as_deref()).collect();
        Ok(self.writer.node(name, "Gemm", &inputs, vec![integer("transB", 1)]))
    }

    fn conv(&mut self, index: usize, conv: &Conv, of: &str) -> Result<String, ExportError> {
        let name = self.network.net.fields[index].name;
        let (row, groups) = (&conv.filters, conv.groups.or(1));
        let mut dims = vec![row.outputs.or(1), row.inputs.or(1) / groups.max(1)];
        dims.extend(vec![conv.window.kernel.or(1); conv.window.axes]);
        let (weight, bias) = self.weights(index, row, &dims)?;
        let inputs: Vec<&str> = [of, &weight].into_iter().chain(bias.as_deref()).collect();
        let mut attributes = window(&conv.window, &self.network.over(index));
        attributes.push(integer("group", groups));
        Ok(self.writer.node(name, "Conv", &inputs, attributes))
    }

    fn norm(&mut self, index: usize, of: &str) -> Result<String, ExportError> {
        let name = self.network.net.fields[index].name;
        let Part::Norm(channels) = &self.network.learned[index] else {
            return Err(self.network.failed(index, "it has no averages"));
        };
        let mut channels = channels.clone();
        if let Some(betas) = self.betas(index)? {
            for (channel, beta) in channels.iter_mut().zip(betas) {
                (channel.beta, channel.mean) = (beta, 0.0);
            }
        }
        let count = channels.len() as i64;
        let mut part = |part: &str, of: fn(&Channel) -> f32| {
            self.writer.floats(&format!("{name}.{part}"), &[count], channels.iter().map(of).collect())
        };
        let parts = [
            part("weight", |channel| channel.gamma),
            part("bias", |channel| channel.beta),
            part("running_mean", |channel| channel.mean),
            part("running_var", |channel| channel.variance),
        ];
        let [gamma, beta, mean, variance] = parts.each_ref().map(String::as_str);
        let attributes = vec![float("epsilon", Channel::EPSILON)];
        Ok(self.writer.node(name, "BatchNormalization", &[of, gamma, beta, mean, variance], attributes))
    }

    /// The biases of a layer with weights: those with which each staircase behind gives the levels that it has; `None` where it has
    /// none, or normalisations have it.
    fn biases(&self, index: usize) -> Result<Option<Vec<f32>>, ExportError> {
        let (Part::Weights { scales, bias: own }, Some(step)) =
            (&self.network.learned[index], self.step_in(index))
        else {
            return Err(self.network.failed(index, "it reads no levels"));
        };
        let is_plain = self.readers_are_plain(index);
        let rows = self.network.quantized.fields[index].weights().map_or(0, Array2::nrows);
        let unit = |row: usize| scales[row % scales.len()] * step;
        if self.network.is_output(index) && is_plain {
            let output = &self.network.quantized.output;
            let each = (output.bias.len() / rows.max(1)).max(1);
            let biases: Vec<f32> = output.bias.iter().step_by(each).copied().collect();
            return Ok(biases.iter().any(|bias| *bias != 0.0).then_some(biases));
        }
        if !is_plain {
            // Behind a centred layer the normalisation holds the offset, and the layer's own bias is unused.
            let has_own = self.is_free(index) && own.iter().any(|bias| *bias != 0.0);
            return Ok(has_own.then(|| own.clone()));
        }
        let mut biases = Vec::with_capacity(rows);
        for (row, &own) in own.iter().enumerate() {
            let sums_of = |bias: f32| Dequantize::biased(unit(row), bias);
            biases.push(self.fitted(index, index, row, own, &sums_of)?);
        }
        Ok(biases.iter().any(|bias| *bias != 0.0).then_some(biases))
    }

    /// The offsets of a normalisation behind a layer whose bias is held; `None` where those that it has learned hold.
    fn betas(&self, index: usize) -> Result<Option<Vec<f32>>, ExportError> {
        let Some(&Source::Field(from)) = self.network.net.fields[index].from.first() else { return Ok(None) };
        if self.is_free(from) {
            return Ok(None);
        }
        let (Part::Weights { scales, .. }, Part::Norm(channels), Some(step)) =
            (&self.network.learned[from], &self.network.learned[index], self.step_in(from))
        else {
            return Err(self.network.failed(index, "it normalises no sums of a layer with weights"));
        };
        let mut betas = Vec::with_capacity(channels.len());
        for (row, channel) in channels.iter().enumerate() {
            let unit = scales[row % scales.len()] * step;
            let sums_of =
                |beta: f32| Dequantize::plain(unit).normalize(Channel { beta, mean: 0.0, ..*channel });
            betas.push(self.fitted(index, from, row, channel.beta, &sums_of)?);
        }
        Ok(Some(betas))
    }

    /// The bias of a row with which the quantizers behind a field keep every level.
    fn fitted(
        &self,
        index: usize,
        sums: usize,
        row: usize,
        own: f32,
        sums_of: &dyn Fn(f32) -> Dequantize,
    ) -> Result<f32, ExportError> {
        let rows = self.network.quantized.fields[sums].weights().map_or(1, Array2::nrows);
        let quantizers = self.network.quantizers_of(index);
        let mut stairs = Vec::with_capacity(quantizers.len());
        let mut candidates = vec![own];
        for &quantizer in &quantizers {
            let staircases = self.network.quantized.fields[quantizer].staircases();
            let each = (staircases.len() / rows.max(1)).max(1);
            let (Some(staircase), Some(step)) = (staircases.get(row * each), self.network.step(quantizer))
            else {
                return Err(self.network.failed(quantizer, "it has no staircase"));
            };
            candidates.push(if staircase.lookup.is_some() {
                staircase.offset
            } else {
                staircase.offset * step
            });
            stairs.push(Stairs { staircase, sums: self.network.range(sums), step });
        }
        bias(&stairs, &candidates, sums_of).ok_or_else(|| {
            self.network.failed(index, "no float bias gives the levels of its held bias: export it by `integers`, or train with `bias = free`")
        })
    }

    /// Whether no normalisation reads a field.
    fn readers_are_plain(&self, index: usize) -> bool {
        let fields = self.network.net.fields;
        !(index + 1..fields.len()).any(|reader| {
            matches!(fields[reader].layer, Layer::BatchNorm)
                && fields[reader].from.contains(&Source::Field(index))
        })
    }

    /// Whether a layer's bias is counted from zero.
    fn is_free(&self, index: usize) -> bool {
        let (Layer::Linear(row) | Layer::Conv(Conv { filters: row, .. })) =
            &self.network.net.fields[index].layer
        else {
            return true;
        };
        !row.bias.has_centre() || self.network.quantizers_of(index).is_empty()
    }

    /// The step of the levels that a layer reads.
    fn step_in(&self, index: usize) -> Option<f32> {
        match self.network.net.fields[index].from.first() {
            Some(&Source::Field(from)) => self.network.step_of_levels(from),
            _ => None,
        }
    }
}
