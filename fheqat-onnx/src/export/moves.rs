//! Layers that lead numbers elsewhere, which both forms of an export write alike.

use fheqat_runtime::spec::Layer;

use super::{
    parts::Trained,
    writer::{Writer, integer, list, text},
};

/// Writes a field that moves numbers; `None` where it is another.
pub(super) fn moved(writer: &mut Writer, network: &Trained, index: usize, of: &[&str]) -> Option<String> {
    let field = &network.net.fields[index];
    let name = field.name;
    let dims = network.dims(index);
    Some(match &field.layer {
        Layer::Concat => writer.node(name, "Concat", of, vec![integer("axis", 1)]),
        Layer::Flatten => writer.node(name, "Flatten", of, vec![integer("axis", 1)]),
        Layer::Reshape(_) => {
            let shape = writer.shape(&format!("{name}.shape"), &dims);
            writer.node(name, "Reshape", &[of[0], &shape], Vec::new())
        }
        Layer::Transpose(transpose) => {
            let axes = transpose.axes.get().iter().map(|axis| axis.or(0) + 1);
            let order = std::iter::once(0).chain(axes).collect();
            writer.node(name, "Transpose", of, vec![list("perm", order)])
        }
        Layer::Pad(pad) => {
            // Before all axes, the batch and the channels among them, then behind.
            let around = |side: usize| {
                let sides = (1..dims.len()).map(move |axis| pad.padding.around(axis - 1).or([0; 2])[side]);
                [0, 0].into_iter().chain(sides)
            };
            let pads: Vec<i64> = around(0).chain(around(1)).collect();
            let pads = writer.integers(&format!("{name}.pads"), &pads);
            writer.node(name, "Pad", &[of[0], &pads], Vec::new())
        }
        Layer::Slice(slice) => {
            let parts =
                [("start", slice.start.or(0)), ("end", slice.end.or(0)), ("axis", slice.axis.or(0) + 1)];
            let [start, end, axis] =
                parts.map(|(part, value)| writer.integers(&format!("{name}.{part}"), &[value]));
            writer.node(name, "Slice", &[of[0], &start, &end, &axis], Vec::new())
        }
        Layer::Upsample(upsample) => {
            let factor = upsample.factor.or(1) as f32;
            let scales = (0..=dims.len()).map(|axis| if axis < 2 { 1.0 } else { factor }).collect();
            let scales = writer.floats(&format!("{name}.scales"), &[dims.len() as i64 + 1], scales);
            let attributes = vec![
                text("mode", "nearest"),
                text("coordinate_transformation_mode", "asymmetric"),
                text("nearest_mode", "floor"),
            ];
            writer.node(name, "Resize", &[of[0], "", &scales], attributes)
        }
        _ => return None,
    })
}
