//! Functions as data.

use std::{
    any::{TypeId, type_name},
    collections::BTreeSet,
    fmt,
    sync::{Mutex, PoisonError},
};

use super::{Activation, ELU, HardSigmoid, LeakyReLU, Threshold, pieces, ratio, smooth};

/// Where the types of this crate are; those of no other are there, so their names are as good as they are.
const OURS: &str = "fheqat_runtime::quant::activation::";

/// A function of `x` and a number, and its derivative by `x`.
type WithSlope = (fn(f32, f32) -> f32, fn(f32, f32) -> f32);

/// An [`Activation`] as data.
///
/// Numbers of a function that are known at run time alone give what the type with these numbers gives:
///
/// ```
/// use fheqat_runtime::quant::activation::{Function, LeakyReLU};
///
/// assert_eq!(Function::leaky_relu(1, 5), Some(Function::of::<LeakyReLU<1, 5>>()));
/// ```
#[derive(Clone, Copy)]
pub struct Function {
    /// Of one that was made of a type.
    activation: Option<TypeId>,
    name: &'static str,
    apply: fn(f32, f32) -> f32,
    slope: fn(f32, f32) -> f32,
    /// What both are given beside `x`.
    number: f32,
}

impl Function {
    /// That of a type.
    #[must_use]
    pub fn of<F: Activation>() -> Self {
        Self {
            activation: Some(TypeId::of::<F>()),
            name: type_name::<F>(),
            apply: |x, _| F::apply(x),
            slope: |x, _| F::slope(x),
            number: 0.0,
        }
    }

    /// That of `LeakyReLU<SLOPE, PER>`; `None` where `per` is below 1.
    #[must_use]
    pub fn leaky_relu(slope: i64, per: i64) -> Option<Self> {
        Self::numbered::<LeakyReLU>(&[slope, per], &[1, 100], (pieces::leaky, pieces::slope_of_leaky))
    }

    /// That of `ELU<ALPHA, PER>`; `None` where `per` is below 1.
    #[must_use]
    pub fn elu(alpha: i64, per: i64) -> Option<Self> {
        Self::numbered::<ELU>(&[alpha, per], &[1, 1], (smooth::elu, smooth::slope_of_elu))
    }

    /// That of `HardSigmoid<SLOPE, PER>`; `None` where either is below 1.
    #[must_use]
    pub fn hard_sigmoid(slope: i64, per: i64) -> Option<Self> {
        let given =
            Self::numbered::<HardSigmoid>(&[slope, per], &[1, 6], (pieces::hard, pieces::slope_of_hard));
        given.filter(|_| slope > 0)
    }

    /// That of `Threshold<AT, 0, PER>`, which keeps what is above `at / per`; `None` where `per` is below 1.
    #[must_use]
    pub fn threshold(at: i64, per: i64) -> Option<Self> {
        let zero_else = |x, at| if x > at { x } else { 0.0 };
        let slope: fn(f32, f32) -> f32 = |x, at| f32::from(x > at);
        Self::numbered::<Threshold<1, 2, 3>>(&[at, 0, per], &[1], (zero_else, slope))
    }

    /// A function of the first of some numbers over the last, named as the type with these parameters is: without the last that are those
    /// by default.
    fn numbered<F: Activation>(numbers: &[i64], defaults: &[i64], (apply, slope): WithSlope) -> Option<Self> {
        let (&first, &per) = numbers.first().zip(numbers.last()).filter(|(_, per)| **per > 0)?;
        let are_default =
            numbers.iter().rev().zip(defaults.iter().rev()).take_while(|(one, other)| one == other);
        let given = &numbers[..numbers.len() - are_default.count()];
        let path = type_name::<F>().split('<').next().unwrap_or_default();
        let name = if given.is_empty() {
            path.to_owned()
        } else {
            let given: Vec<String> = given.iter().map(i64::to_string).collect();
            format!("{path}<{}>", given.join(", "))
        };
        Some(Self { activation: None, name: kept(name), apply, slope, number: ratio(first, per) })
    }

    /// The name of its type, without paths.
    #[must_use]
    pub fn name(&self) -> String {
        let is_of_path = |character: char| character.is_alphanumeric() || "_:".contains(character);
        let mut name = String::new();
        let mut path = String::new();
        for character in self.name.chars().chain(['\0']) {
            if is_of_path(character) {
                path.push(character);
                continue;
            }
            name.push_str(path.rsplit("::").next().unwrap_or_default());
            path.clear();
            name.push(character);
        }
        name.pop();
        name
    }

    /// The largest magnitude of a value: its square is finite, so that what reads it in float is.
    pub const LARGEST: f32 = (1u128 << 64) as f32;

    /// The function; zero where it is not a number, and at most [`Self::LARGEST`] on both sides.
    #[must_use]
    pub fn apply(&self, x: f32) -> f32 {
        let y = (self.apply)(x, self.number);
        if y.is_nan() { 0.0 } else { y.clamp(-Self::LARGEST, Self::LARGEST) }
    }

    /// Its derivative; zero where that is no finite number.
    #[must_use]
    pub fn slope(&self, x: f32) -> f32 {
        let slope = (self.slope)(x, self.number);
        if slope.is_finite() { slope } else { 0.0 }
    }
}

/// A name that lives as long as the process, equal ones once.
fn kept(name: String) -> &'static str {
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(equal) = kept.get(&*name) {
        return equal;
    }
    let name: &'static str = name.leak();
    kept.insert(name);
    name
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        match (self.activation, other.activation) {
            (Some(one), Some(other)) => one == other,
            _ => self.name == other.name && self.name.starts_with(OURS),
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike<F: Activation>(given: Option<Function>) {
        let (given, expected) = (given.unwrap(), Function::of::<F>());
        assert_eq!(given, expected);
        assert_eq!((given.name(), format!("{given:?}")), (expected.name(), format!("{expected:?}")));
        for index in i16::MIN..=i16::MAX {
            let x = f32::from(index) / 1000.0;
            assert_eq!(given.apply(x).to_bits(), expected.apply(x).to_bits(), "{given:?} at {x}");
            assert_eq!(given.slope(x).to_bits(), expected.slope(x).to_bits(), "{given:?} at {x}");
        }
    }

    #[test]
    fn numbers_of_run_time_give_what_those_of_a_type_give() {
        alike::<LeakyReLU>(Function::leaky_relu(1, 100));
        alike::<LeakyReLU<37>>(Function::leaky_relu(37, 100));
        alike::<LeakyReLU<-12345, 99991>>(Function::leaky_relu(-12345, 99991));
        alike::<ELU>(Function::elu(1, 1));
        alike::<ELU<2>>(Function::elu(2, 1));
        alike::<ELU<7, 10>>(Function::elu(7, 10));
        alike::<HardSigmoid>(Function::hard_sigmoid(1, 6));
        alike::<HardSigmoid<2>>(Function::hard_sigmoid(2, 6));
        alike::<HardSigmoid<1, 5>>(Function::hard_sigmoid(1, 5));
        alike::<Threshold<3, 0>>(Function::threshold(3, 1));
        alike::<Threshold<-1, 0, 10>>(Function::threshold(-1, 10));
        assert_ne!(Function::leaky_relu(1, 5), Function::leaky_relu(1, 6));
        assert_ne!(Function::leaky_relu(1, 5), Function::elu(1, 5));
        for none in [Function::leaky_relu(1, 0), Function::elu(1, -1), Function::hard_sigmoid(0, 5)] {
            assert_eq!(none, None);
        }
    }
}
