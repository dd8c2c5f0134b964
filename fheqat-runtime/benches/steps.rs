//! A step of a rotation over a key that no cache holds: as this crate multiplies, and as tfhe does.
//!
//! `cargo bench -p fheqat-runtime --bench steps`; times of both are of one run, so that their ratio means something.

use std::{hint::black_box, time::Duration};

use fheqat_runtime::params::{
    Decomposition, Parameters, Seconds, SmallKey,
    cost::{Prices, ShapePrices},
};
use tfhe::core_crypto::prelude::{
    CiphertextModulus, ComputationBuffers, ContiguousEntityContainerMut, DecompositionLevelCount, Fft,
    FourierLweBootstrapKey, FourierLweBootstrapKeyOwned, GlweCiphertext, GlweDimension, LweDimension,
    MonomialDegree, Polynomial, PolynomialList, PolynomialSize, add_external_product_assign_mem_optimized,
    add_external_product_assign_mem_optimized_requirement,
    polynomial_algorithms::polynomial_wrapping_monic_monomial_mul,
};

use self::clock::clock;

#[allow(dead_code, reason = "criterion's half of it is for the other benches")]
mod clock;

/// Bytes of a key: more than a processor caches.
const KEY: u64 = 1 << 27;

const ROUNDS: usize = 5;

fn parameters(shape: &ShapePrices, levels: usize) -> Parameters {
    let one = Parameters {
        lwe_dimension: LweDimension(1),
        small_key: SmallKey::Uniform,
        glwe_dimension: GlweDimension(shape.glwe_dimension),
        polynomial_size: PolynomialSize(shape.polynomial_size),
        rotation: Decomposition::new(22 / levels, levels),
        key_switch: None,
        packing: None,
    };
    let elements = KEY / one.bootstrap_key_bytes().0;
    Parameters { lwe_dimension: LweDimension(elements.max(2) as usize), ..one }
}

fn key(parameters: &Parameters) -> FourierLweBootstrapKeyOwned {
    let mut key = FourierLweBootstrapKey::new(
        parameters.lwe_dimension,
        parameters.glwe_dimension.to_glwe_size(),
        parameters.polynomial_size,
        parameters.rotation.base_log,
        parameters.rotation.levels,
    );
    let mut random = 1_u64;
    for value in key.as_mut_view().data().iter_mut() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        value.re = (random >> 40) as f64;
    }
    key
}

/// A step with tfhe's functions: `Y^a acc`, and an external product that is added to the accumulator. The subtraction of `acc` is left
/// out: tfhe does it in the same pass, by a function that is not public. The lower quartile of several rounds: neighbours in the
/// caches slow a step and never speed it up.
fn step_of_tfhe(parameters: &Parameters) -> Seconds {
    let (size, glwe_size) = (parameters.polynomial_size, parameters.glwe_dimension.to_glwe_size());
    let (key, fft, modulus) =
        (key(parameters), Fft::new(parameters.polynomial_size), CiphertextModulus::new_native());
    let requirement =
        add_external_product_assign_mem_optimized_requirement::<u64>(glwe_size, size, fft.as_view());
    let mut buffers = ComputationBuffers::new();
    buffers.resize(requirement.unaligned_bytes_required());
    let numbers = (0..(glwe_size.0 * size.0) as u64).map(|index| index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut accumulator = GlweCiphertext::from_container(numbers.collect::<Vec<u64>>(), size, modulus);
    let mut rotated = GlweCiphertext::new(0_u64, glwe_size, size, modulus);
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = clock();
            for (index, ggsw) in key.as_view().into_ggsw_iter().enumerate() {
                let degree = MonomialDegree((index * 7 + 3) % size.0);
                let polynomials = accumulator.as_ref().chunks_exact(size.0);
                let mut outputs = PolynomialList::from_container(rotated.as_mut(), size);
                for (mut output, polynomial) in outputs.iter_mut().zip(polynomials) {
                    polynomial_wrapping_monic_monomial_mul(
                        &mut output,
                        &Polynomial::from_container(polynomial),
                        degree,
                    );
                }
                add_external_product_assign_mem_optimized(
                    &mut accumulator,
                    &ggsw,
                    &rotated,
                    fft.as_view(),
                    buffers.stack(),
                );
            }
            black_box(accumulator.as_ref());
            clock().saturating_sub(start)
        })
        .collect();
    times.sort();
    Seconds(times[ROUNDS / 4].as_secs_f64() / parameters.lwe_dimension.0 as f64)
}

fn main() {
    // `cargo test` runs benches too, to see whether they start.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let prices = Prices::measure().expect("a thread starts");
    println!(" k      N  levels  this crate, us  tfhe, us  ratio");
    for shape in &prices.shapes {
        for levels in [1, 2] {
            let ours = shape.step(DecompositionLevelCount(levels), SmallKey::Uniform).first;
            let tfhe = step_of_tfhe(&parameters(shape, levels));
            println!(
                "{:>2} {:>6} {levels:>7} {:>15.1} {:>9.1} {:>6.2}",
                shape.glwe_dimension,
                shape.polynomial_size,
                ours.0 * 1e6,
                tfhe.0 * 1e6,
                tfhe.0 / ours.0,
            );
        }
    }
}
