//! Functions of the prelude as operations.

use fheqat_runtime::quant::activation::Function;

use super::writer::{Writer, float, text};

/// The module of the functions that are known here; one of another module may have the same name.
const OURS: &str = "fheqat_runtime::quant::activation::";

/// Writes a function as operations whose numbers are its own; `None` where it is none of those that ONNX has.
///
/// Numbers of a type are read off its values.
pub(super) fn function(writer: &mut Writer, name: &str, function: Function, of: &str) -> Option<String> {
    let path = format!("{function:?}");
    let path = path.strip_prefix(OURS)?;
    let family = path.split('<').next().and_then(|path| path.rsplit("::").next())?;
    let least = function.apply(f32::NEG_INFINITY);
    Some(match family {
        "Sigmoid" | "Tanh" | "Softplus" | "Softsign" | "HardSwish" => {
            writer.node(name, family, &[of], Vec::new())
        }
        "Gelu" => writer.node(name, "Gelu", &[of], vec![text("approximate", "tanh")]),
        "GeluErf" => writer.node(name, "Gelu", &[of], vec![text("approximate", "none")]),
        // The operation gives zero below, and so does the type where its second number is.
        "Threshold" if least == 0.0 => {
            writer.node(name, "ThresholdedRelu", &[of], vec![float("alpha", threshold(path)?)])
        }
        "SELU" => writer.node(name, "Selu", &[of], Vec::new()),
        "LeakyReLU" => writer.node(name, "LeakyRelu", &[of], vec![float("alpha", -function.apply(-1.0))]),
        "ELU" => writer.node(name, "Elu", &[of], vec![float("alpha", -least)]),
        "HardSigmoid" => {
            let numbers = vec![float("alpha", function.slope(0.0)), float("beta", function.apply(0.0))];
            writer.node(name, "HardSigmoid", &[of], numbers)
        }
        "SiLU" => {
            let factor = writer.node(name, "Sigmoid", &[of], Vec::new());
            writer.node(name, "Mul", &[of, &factor], Vec::new())
        }
        // The operation `Mish` is of a later version than the file.
        "Mish" => {
            let factor = writer.node(name, "Softplus", &[of], Vec::new());
            let factor = writer.node(name, "Tanh", &[&factor], Vec::new());
            writer.node(name, "Mul", &[of, &factor], Vec::new())
        }
        "Clip" => {
            let ends = [("lower", least), ("upper", function.apply(f32::INFINITY))]
                .map(|(end, value)| writer.float(&format!("{name}.{end}"), value));
            writer.node(name, "Clip", &[of, &ends[0], &ends[1]], Vec::new())
        }
        _ => return None,
    })
}

/// Where a `Threshold<AT, VALUE, PER>` changes, which no value of it says exactly.
fn threshold(path: &str) -> Option<f32> {
    let (_, numbers) = path.strip_suffix('>')?.split_once('<')?;
    let mut numbers = numbers.split(", ").map(|number| number.parse::<i64>().ok());
    let (at, _) = (numbers.next()??, numbers.next()??);
    let per = numbers.next().unwrap_or(Some(1))?;
    Some((at as f64 / per as f64) as f32)
}
