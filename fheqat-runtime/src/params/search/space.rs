//! What the parameters must keep, and where the search looks for them.

use std::ops::RangeInclusive;

use crate::params::dimension::{GlweDimension, LweDimension, PolynomialSize};
use serde::{Deserialize, Serialize};

#[cfg(any(feature = "client", feature = "server"))]
use crate::params::Parameters;
use crate::params::{
    Bytes, Decomposition, Log2Probability, Packing, Results, SmallKey, cost, modulus_switch::MAX_EXTENSION,
    objective::Objective, packing, small_key::OfEachKind,
};

/// What the parameters must keep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// The most that the probability may be that any value of an inference is wrong. Default: 2^-128.
    pub p_fail: Log2Probability,
    /// The most a server key may take in memory. Default: 250 MB.
    pub server_key: Bytes,
    /// What is minimised. Default: the work, [`Objective::CoreSeconds`].
    pub objective: Objective,
    /// How results are sent. Default: [`Results::Rounded`].
    pub results: Results,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            p_fail: Log2Probability(-128.0),
            server_key: Bytes(250_000_000),
            objective: Objective::CoreSeconds,
            results: Results::Rounded,
        }
    }
}

/// Where the search looks. What the default has was measured: every shape and every number of levels at its smallest and its
/// largest base (`fhe::tests::noise::primitives`).
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    /// (k, N).
    pub shapes: Vec<(GlweDimension, PolynomialSize)>,
    /// The same for workloads without rotations.
    pub unrotated: Vec<(GlweDimension, PolynomialSize)>,
    /// Decompositions of external products, bases rising. Of larger bases than these the default's shapes have more noise.
    pub rotations: Vec<Decomposition>,
    /// How the bits of the small key are drawn.
    pub small_key: SmallKey,
    /// n, rising from 550 on: from there the curve of secure noise was checked against the lattice estimator.
    pub lwe_dimensions: Vec<LweDimension>,
    /// Decompositions of key switches.
    pub key_switches: Vec<Decomposition>,
    /// log2 of the most polynomials that a rotation may interleave.
    pub extension: u32,
    /// Keys that pack results, dimensions rising.
    pub packings: Vec<Packing>,
}

impl Space {
    /// All that is searched with keys of one kind, made once.
    pub(crate) fn whole(small_key: SmallKey) -> &'static Self {
        static WHOLE: OfEachKind<Space> = OfEachKind::new();
        WHOLE.get_or_init(small_key, || Space::of(small_key))
    }

    /// Whether the search could choose these parameters: then their noise is the least that is secure, and what they predict was
    /// measured. Otherwise what is wrong, in words that follow a name.
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) fn check(&self, parameters: &Parameters) -> Result<(), String> {
        let &Parameters {
            lwe_dimension,
            small_key,
            glwe_dimension,
            polynomial_size,
            rotation,
            key_switch,
            packing,
        } = parameters;
        if small_key != self.small_key && parameters.rotate() {
            return Err("the small key is of another kind".to_owned());
        }
        if packing.is_some_and(|packing| !self.packings.contains(&packing)) {
            return Err("no search chooses such keys to pack results".to_owned());
        }
        let shape = (glwe_dimension, polynomial_size);
        let shapes = if parameters.rotate() { &self.shapes } else { &self.unrotated };
        if !shapes.contains(&shape) {
            let (k, size) = (glwe_dimension.0, polynomial_size.0);
            return Err(format!("no search chooses a big key of {k} polynomials of {size} coefficients"));
        }
        if !parameters.rotate() {
            let bare = Parameters::without_rotations(glwe_dimension, polynomial_size);
            let only = Parameters { packing, ..bare };
            return if *parameters == only {
                Ok(())
            } else {
                Err("without rotations there is nothing to decompose".to_owned())
            };
        }
        if !self.lwe_dimensions.contains(&lwe_dimension) {
            return Err(format!("no search chooses a small key of dimension {}", lwe_dimension.0));
        }
        let unknown = |what: &str, Decomposition { base_log, levels }: Decomposition| {
            format!("no search chooses {what} of {} digits of {} bits", levels.0, base_log.0)
        };
        if !self.rotations.contains(&rotation) {
            return Err(unknown("rotations", rotation));
        }
        match key_switch.filter(|key_switch| !self.key_switches.contains(key_switch)) {
            Some(key_switch) => Err(unknown("key switches", key_switch)),
            None => Ok(()),
        }
    }

    /// The largest dimension that a key has.
    #[cfg(feature = "client")]
    pub(crate) fn largest_dimension(&self) -> usize {
        let big = self.shapes.iter().chain(&self.unrotated).map(|(k, size)| k.0 * size.0);
        let packed = self.packings.iter().map(|packing| packing.dimension().0);
        let small = self.lwe_dimensions.iter().map(|dimension| dimension.0);
        big.chain(packed).chain(small).max().unwrap_or(0)
    }

    /// A part of the space, faster to search: every eighth of the small key's dimensions.
    #[must_use]
    pub fn thinned(&self) -> Self {
        let lwe_dimensions = self.lwe_dimensions.iter().copied().step_by(8).collect();
        Self { lwe_dimensions, ..self.clone() }
    }

    /// Whether the decompositions are those of the whole space, for shapes and small keys that it has too.
    pub(super) fn has_every_decomposition(&self) -> bool {
        let whole = Self::whole(self.small_key);
        self.rotations == whole.rotations
            && self.key_switches == whole.key_switches
            && self.shapes.iter().all(|shape| whole.shapes.contains(shape))
            && self.lwe_dimensions.iter().all(|dimension| whole.lwe_dimensions.contains(dimension))
    }

    /// The one point of the space that has these parameters, for workloads that take all or less of what their keys can do.
    #[cfg(feature = "fhe")]
    #[must_use]
    pub(crate) fn only(&self, parameters: &Parameters) -> Self {
        let shape = vec![(parameters.glwe_dimension, parameters.polynomial_size)];
        Self {
            shapes: shape.clone(),
            unrotated: shape,
            rotations: vec![parameters.rotation],
            small_key: parameters.small_key,
            lwe_dimensions: vec![parameters.lwe_dimension],
            key_switches: parameters.key_switch.into_iter().collect(),
            extension: self.extension,
            packings: parameters.packing.into_iter().collect(),
        }
    }
}

impl Space {
    /// All that is searched with keys of one kind.
    #[must_use]
    pub fn of(small_key: SmallKey) -> Self {
        let levels =
            |bases: RangeInclusive<usize>, levels| bases.map(move |base| Decomposition::new(base, levels));
        let key_switches = (1..=6)
            .flat_map(|base| (2..=20).map(move |levels| Decomposition::new(base, levels)))
            .filter(|key_switch| (10..=22).contains(&(key_switch.base_log.0 * key_switch.levels.0)))
            .collect();
        Self {
            shapes: cost::shapes(),
            unrotated: cost::unrotated_shapes(),
            rotations: levels(14..=23, 1).chain(levels(9..=15, 2)).chain(levels(8..=12, 3)).collect(),
            small_key,
            lwe_dimensions: small_key.dimensions(),
            key_switches,
            extension: MAX_EXTENSION,
            packings: packing::choices(),
        }
    }
}

impl Default for Space {
    fn default() -> Self {
        Self::of(SmallKey::default())
    }
}

#[cfg(all(test, feature = "fhe"))]
mod tests {
    use super::*;

    fn some() -> Parameters {
        Parameters {
            lwe_dimension: LweDimension(872),
            small_key: SmallKey::Uniform,
            glwe_dimension: GlweDimension(1),
            polynomial_size: PolynomialSize(2048),
            rotation: Decomposition::new(23, 1),
            key_switch: Some(Decomposition::new(3, 5)),
            packing: None,
        }
    }

    #[test]
    fn what_the_search_chooses_from_is_in_the_space() {
        let space = Space::whole(SmallKey::Uniform);
        for &(glwe_dimension, polynomial_size) in &space.shapes {
            for &rotation in &space.rotations {
                let key_switches = space.key_switches.iter().copied().map(Some).chain([None]);
                for (key_switch, &lwe_dimension) in key_switches.zip(space.lwe_dimensions.iter().cycle()) {
                    let parameters = Parameters {
                        lwe_dimension,
                        small_key: SmallKey::Uniform,
                        glwe_dimension,
                        polynomial_size,
                        rotation,
                        key_switch,
                        packing: None,
                    };
                    assert_eq!(space.check(&parameters), Ok(()), "{parameters:?}");
                }
            }
        }
        for &(glwe_dimension, polynomial_size) in &space.unrotated {
            let parameters = Parameters::without_rotations(glwe_dimension, polynomial_size);
            assert_eq!(space.check(&parameters), Ok(()), "{parameters:?}");
            for packing in space.packings.iter().copied().map(Some) {
                assert_eq!(space.check(&Parameters { packing, ..parameters }), Ok(()));
                assert_eq!(space.check(&Parameters { packing, ..some() }), Ok(()));
            }
        }
    }

    #[test]
    fn what_it_does_not_choose_from_is_named() {
        let unrotated = Parameters::without_rotations(GlweDimension(3), PolynomialSize(512));
        let digits = Some(Decomposition::new(3, 5));
        let known = Space::whole(SmallKey::Uniform).packings[0];
        let short = Some(Packing { glwe_dimension: GlweDimension(3), ..known });
        let coarse = Some(Packing { trace: Decomposition::new(23, 1), ..known });
        for (parameters, expected) in [
            (Parameters { lwe_dimension: LweDimension(1), ..some() }, "a small key of dimension 1"),
            (Parameters { lwe_dimension: LweDimension(548), ..some() }, "a small key of dimension 548"),
            (Parameters { lwe_dimension: LweDimension(874), ..some() }, "a small key of dimension 874"),
            (Parameters { lwe_dimension: LweDimension(usize::MAX), ..some() }, "a small key"),
            (Parameters { glwe_dimension: GlweDimension(7), ..some() }, "7 polynomials of 2048"),
            (Parameters { glwe_dimension: GlweDimension(0), ..some() }, "0 polynomials"),
            (Parameters { polynomial_size: PolynomialSize(256), ..some() }, "1 polynomials of 256"),
            (Parameters { polynomial_size: PolynomialSize(1 << 16), ..some() }, "of 65536"),
            (
                Parameters { rotation: Decomposition::new(24, 1), ..some() },
                "rotations of 1 digits of 24 bits",
            ),
            (Parameters { rotation: Decomposition::new(1, 1), ..some() }, "rotations of 1 digits of 1 bits"),
            (
                Parameters { key_switch: Some(Decomposition::new(31, 1)), ..some() },
                "key switches of 1 digits",
            ),
            (Parameters { lwe_dimension: LweDimension(0), ..some() }, "nothing to decompose"),
            (Parameters { key_switch: digits, ..unrotated }, "nothing to decompose"),
            (Parameters { packing: short, ..some() }, "keys to pack results"),
            (Parameters { packing: coarse, ..unrotated }, "keys to pack results"),
            (Parameters { polynomial_size: PolynomialSize(2048), ..unrotated }, "3 polynomials of 2048"),
        ] {
            let reason = Space::whole(SmallKey::Uniform).check(&parameters).unwrap_err();
            assert!(reason.contains(expected), "{parameters:?}: {reason}");
        }
    }
}
