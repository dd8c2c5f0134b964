//! Names of fields, from those of nodes and tensors.

use std::collections::HashSet;

/// Names that Rust or the language keeps for itself.
const TAKEN: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "input", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self",
    "static", "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// Parts of the names of nodes that Brevitas adds to those of modules.
const ADDED: &[&str] =
    &["act_quant", "activation_impl", "export_handler", "weight_quant", "bias_quant", "trunc_quant"];

const LONGEST: usize = 48;

/// Names that are there once.
#[derive(Debug, Default)]
pub(crate) struct Names(HashSet<String>);

impl Names {
    /// A name for the field of a node: that of the module in the node's name, else of `tensor` without its last part, else of the
    /// operation.
    pub(crate) fn field(&mut self, node: &str, op: &str, tensor: Option<&str>) -> String {
        let module = module(node, op);
        let of_tensor = || {
            let (module, _) = tensor?.rsplit_once('.')?;
            Some(identifier(module)).filter(|name| !name.is_empty())
        };
        let name = Some(module).filter(|name| !name.is_empty()).or_else(of_tensor);
        self.free(&name.unwrap_or_else(|| identifier(op)))
    }

    /// The name, with a number behind it where it is taken.
    fn free(&mut self, name: &str) -> String {
        let name = if name.is_empty() { "layer" } else { name };
        let is_taken = TAKEN.contains(&name);
        let mut candidate = if is_taken { format!("{name}_") } else { name.to_owned() };
        let mut number = 2;
        while !self.0.insert(candidate.clone()) {
            candidate = format!("{name}_{number}");
            number += 1;
        }
        candidate
    }
}

/// The module in `/block/fc1/Gemm`: `block_fc1`.
fn module(node: &str, op: &str) -> String {
    let mut parts: Vec<&str> = node.split('/').filter(|part| !part.is_empty()).collect();
    if parts.last().is_some_and(|last| is_of_op(last, op)) {
        parts.pop();
    }
    let is_added = |part: &&&str| {
        let part = part.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
        !ADDED.contains(&part)
    };
    let parts: Vec<&str> = parts.iter().filter(is_added).copied().collect();
    identifier(&parts.join("_"))
}

/// `Gemm`, `Gemm_1`, `n0` or `node_Gemm_3`.
fn is_of_op(part: &str, op: &str) -> bool {
    let bare = part.strip_prefix("node_").unwrap_or(part);
    let rest = bare.strip_prefix(op).or_else(|| bare.strip_prefix(&op.to_ascii_lowercase()));
    rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '_'))
        || bare.strip_prefix('n').is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()))
}

/// In the letters of a field: `Conv-2` is `conv_2`.
pub(crate) fn identifier(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if name.len() >= LONGEST {
            break;
        }
        if c.is_ascii_alphanumeric() {
            if name.is_empty() && c.is_ascii_digit() {
                name.push_str("layer_");
            }
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    name.trim_end_matches('_').to_owned()
}

/// In the letters of a type: `guide mlp` is `GuideMlp`.
pub(crate) fn type_name(text: &str) -> String {
    let identifier = identifier(text);
    let words = identifier.split('_').filter(|word| !word.is_empty());
    let name: String = words
        .flat_map(|word| {
            let (first, rest) = word.split_at(1);
            [first.to_ascii_uppercase(), rest.to_owned()]
        })
        .collect();
    match name.as_str() {
        "" | "Self" => "Imported".to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_modules() {
        let mut names = Names::default();
        let mut name = |node: &str, op: &str, tensor: Option<&str>| names.field(node, op, tensor);
        assert_eq!(name("/fc1/Gemm", "Gemm", None), "fc1");
        assert_eq!(name("/relu1/act_quant/export_handler/Quant", "Quant", None), "relu1");
        assert_eq!(name("/shared/act_quant/export_handler/Quant", "Quant", None), "shared");
        assert_eq!(name("/shared/act_quant/export_handler_1/Quant", "Quant", None), "shared_2");
        assert_eq!(name("/Add", "Add", None), "add");
        assert_eq!(name("", "Gemm", Some("head.weight")), "head");
        assert_eq!(name("Gemm_12", "Gemm", Some("onnx::Gemm_3")), "gemm");
        assert_eq!(name("/features/0/Conv", "Conv", None), "features_0");
        assert_eq!(name("/0/Conv", "Conv", None), "layer_0");
        assert_eq!(name("/Sch\u{f6}n-e Schicht/\"x\"/Gemm", "Gemm", None), "sch_n_e_schicht_x");
        assert_eq!(name("/match/Gemm", "Gemm", None), "match_");
        assert_eq!(name("/\u{4f60}/Gemm", "Gemm", None), "gemm_2");
        assert_eq!(name("/input/Quant", "Quant", None), "input_");
        assert_eq!(type_name("guide mlp"), "GuideMlp");
        assert_eq!(type_name("../..\u{0}"), "Imported");
        assert_eq!(type_name("3d"), "Layer3d");
    }
}
