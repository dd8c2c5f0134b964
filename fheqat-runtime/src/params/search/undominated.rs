//! Decompositions that no other beats. Those of as many levels cost the same, so among them noise alone decides; and which base has
//! the least depends on the key's shape: 2^18 at 3 polynomials of 512 coefficients, 2^23 at one of 2048.

use std::collections::BTreeMap;

use super::Space;
use crate::params::{
    Decomposition, Parameters, SmallKey,
    dimension::{GlweDimension, LweDimension, PolynomialSize},
    small_key::OfEachKind,
};

type Shape = (GlweDimension, PolynomialSize);

/// Of every decomposition of the [whole space](Space::default) those that can be part of the best parameters, whatever the workload.
pub(super) struct Undominated {
    rotations: BTreeMap<Shape, Vec<Decomposition>>,
    key_switches: BTreeMap<(LweDimension, LweDimension), Vec<Decomposition>>,
}

impl Undominated {
    pub(super) fn of_whole_space(small_key: SmallKey) -> &'static Self {
        static UNDOMINATED: OfEachKind<Undominated> = OfEachKind::new();
        UNDOMINATED.get_or_init(small_key, || Self::new(Space::whole(small_key)))
    }

    fn new(space: &Space) -> Self {
        let (mut rotations, mut key_switches) = (BTreeMap::new(), BTreeMap::new());
        for &shape in &space.shapes {
            rotations.insert(shape, undominated_rotations(space, shape));
            for &lwe_dimension in &space.lwe_dimensions {
                key_switches
                    .entry((shape.0.to_equivalent_lwe_dimension(shape.1), lwe_dimension))
                    .or_insert_with(|| undominated_key_switches(space, shape, lwe_dimension));
            }
        }
        Self { rotations, key_switches }
    }

    /// Decompositions of external products.
    pub(super) fn rotations(&self, shape: Shape) -> &[Decomposition] {
        self.rotations.get(&shape).map_or(&[], Vec::as_slice)
    }

    /// Decompositions of key switches, from few levels to many, each with less noise than those before it.
    pub(super) fn key_switches(&self, parameters: &Parameters) -> &[Decomposition] {
        let dimensions = (parameters.big_dimension(), parameters.lwe_dimension);
        self.key_switches.get(&dimensions).map_or(&[], Vec::as_slice)
    }
}

/// A sum of extractions has the variance `independent * e + (correlated - independent) * c e`, with their variance e and correlation
/// c, and neither factor is negative ([`NoiseForm`](crate::params::workload::NoiseForm)): a decomposition of as many levels with less
/// of e and of c e is always better. Both are multiples of n, so any n tells.
fn undominated_rotations(space: &Space, shape: Shape) -> Vec<Decomposition> {
    let Some(&lwe_dimension) = space.lwe_dimensions.first() else { return Vec::new() };
    let every: Vec<_> = space
        .rotations
        .iter()
        .map(|&rotation| (rotation, extraction(space.small_key, shape, lwe_dimension, rotation)))
        .collect();
    let beaten = |rotation: Decomposition, (variance, common): (f64, f64)| {
        every.iter().any(|&(other, (other_variance, other_common))| {
            other.levels == rotation.levels && other_variance < variance && other_common < common
        })
    };
    let best = every.iter().filter(|&&(rotation, noise)| !beaten(rotation, noise));
    best.map(|&(rotation, _)| rotation).collect()
}

/// The variance of an extraction, and what of it extractions of one rotation have in common.
fn extraction(
    small_key: SmallKey,
    (glwe_dimension, polynomial_size): Shape,
    lwe_dimension: LweDimension,
    rotation: Decomposition,
) -> (f64, f64) {
    let parameters = Parameters {
        lwe_dimension,
        small_key,
        glwe_dimension,
        polynomial_size,
        rotation,
        key_switch: None,
        packing: None,
    };
    let variance = parameters.extraction().0;
    (variance, parameters.correlation().0 * variance)
}

/// A key switch of more levels costs more, and so does its key: it must have less noise.
fn undominated_key_switches(space: &Space, shape: Shape, lwe_dimension: LweDimension) -> Vec<Decomposition> {
    let noise = |key_switch: Decomposition| switched(space.small_key, shape, lwe_dimension, key_switch);
    let mut every: Vec<_> = space.key_switches.iter().map(|&switch| (switch, noise(switch))).collect();
    every.sort_by(|(one, a), (other, b)| one.levels.0.cmp(&other.levels.0).then(a.total_cmp(b)));
    let mut least = f64::INFINITY;
    every.retain(|&(_, noise)| {
        let is_less = noise < least;
        least = least.min(noise);
        is_less
    });
    every.into_iter().map(|(switch, _)| switch).collect()
}

/// The variance that a key switch adds.
fn switched(
    small_key: SmallKey,
    (glwe_dimension, polynomial_size): Shape,
    lwe_dimension: LweDimension,
    key_switch: Decomposition,
) -> f64 {
    let parameters = Parameters {
        lwe_dimension,
        small_key,
        glwe_dimension,
        polynomial_size,
        rotation: Decomposition::new(1, 1),
        key_switch: Some(key_switch),
        packing: None,
    };
    parameters.key_switch_noise().0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_left_out_is_beaten_at_every_dimension() {
        for small_key in [SmallKey::Uniform, SmallKey::Blocks] {
            is_beaten_at_every_dimension(small_key);
        }
    }

    fn is_beaten_at_every_dimension(small_key: SmallKey) {
        let (space, undominated) = (Space::of(small_key), Undominated::of_whole_space(small_key));
        for &shape in &space.shapes {
            let rotations = undominated.rotations(shape);
            assert!(rotations.len() < space.rotations.len() / 3, "{shape:?}: {rotations:?}");
            for &n in &space.lwe_dimensions {
                for &rotation in &space.rotations {
                    let (variance, common) = extraction(small_key, shape, n, rotation);
                    let as_good = |&other: &Decomposition| {
                        let (other_variance, other_common) = extraction(small_key, shape, n, other);
                        other.levels == rotation.levels
                            && other_variance <= variance
                            && other_common <= common
                    };
                    assert!(rotations.iter().any(as_good), "{shape:?}, {n:?}: {rotation:?}");
                }
                let parameters = Parameters {
                    lwe_dimension: n,
                    small_key,
                    glwe_dimension: shape.0,
                    polynomial_size: shape.1,
                    rotation: rotations[0],
                    key_switch: None,
                    packing: None,
                };
                let key_switches = undominated.key_switches(&parameters);
                for &key_switch in &space.key_switches {
                    let as_good = |&other: &Decomposition| {
                        other.levels.0 <= key_switch.levels.0
                            && switched(small_key, shape, n, other)
                                <= switched(small_key, shape, n, key_switch)
                    };
                    assert!(key_switches.iter().any(as_good), "{shape:?}, {n:?}: {key_switch:?}");
                }
            }
        }
    }
}
