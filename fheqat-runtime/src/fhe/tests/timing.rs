use std::{num::NonZeroUsize, time::Instant};

use super::graphs::{guide, samples};
use crate::{Seed, compile::CompileOptions};

/// Seconds of this process on any core, from the kernel.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

#[test]
#[ignore = "a timing: run alone, with --nocapture"]
fn guide_network() {
    let circuit = guide(Seed(1));
    let start = Instant::now();
    let compiled = circuit.compile(&CompileOptions::default().threads(NonZeroUsize::new(1))).unwrap();
    println!("search {:?}", start.elapsed());
    println!("{:#?}", compiled.prediction());
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let (client, mut server) = compiled.keygen().unwrap();
    println!("keygen {:?}, cpu {:.2} s", start.elapsed(), cpu_seconds() - cpu);
    let samples = samples(&circuit, 8, Seed(1));
    let inputs = client.encrypt_batch(&samples).unwrap();
    for threads in [1, 2, 1] {
        server.set_threads(NonZeroUsize::new(threads)).unwrap();
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let outputs = server.run_batch(&inputs).unwrap();
        let count = samples.len() as f64;
        println!(
            "{threads} threads: {:.3} s a sample, cpu {:.3} s",
            start.elapsed().as_secs_f64() / count,
            (cpu_seconds() - cpu) / count,
        );
        for (sample, logits) in samples.iter().zip(client.decrypt_batch(&outputs).unwrap()) {
            assert_eq!(logits, circuit.simulate(sample).unwrap(), "{sample:?}");
        }
    }
}

#[test]
#[ignore = "prints what the search finds"]
fn predictions() {
    for seed in 1..4 {
        let workload = crate::params::workload::Workload::of(
            &guide(Seed(seed)).graph,
            crate::params::Log2Probability(-40.0),
        )
        .unwrap();
        for rotation in &workload.rotations {
            println!("{:?} {} {:?}", rotation.slots, rotation.gain, rotation.noise);
        }
        let compiled = guide(Seed(seed)).compile(&CompileOptions::default()).unwrap();
        let prediction = compiled.prediction();
        println!("{:?} {}", prediction.parameters, prediction.run);
        for layer in &prediction.layers {
            println!("{layer:?}");
        }
    }
}

/// Steps of a rotation, tfhe's and ours, over a key that does not fit the caches: microseconds each.
#[test]
#[ignore = "a timing: run alone, with --nocapture"]
fn external_products() {
    use tfhe::core_crypto::prelude::*;

    use crate::{
        fhe::product::Workspace,
        params::{Decomposition, Parameters, cost},
    };

    const KEYS: usize = 200;
    for (glwe_dimension, polynomial_size) in cost::shapes() {
        for levels in [1, 2] {
            let parameters = Parameters {
                lwe_dimension: LweDimension(KEYS),
                glwe_dimension,
                polynomial_size,
                rotation: Decomposition::new(22 / levels, levels),
                key_switch: None,
            };
            if parameters.bootstrap_key_bytes().0 > 1 << 26
                || std::env::var("ALL").is_err() && polynomial_size.0 != 2048
            {
                continue;
            }
            let size = glwe_dimension.to_glwe_size();
            let mut key = FourierLweBootstrapKey::new(
                LweDimension(KEYS),
                size,
                polynomial_size,
                parameters.rotation.base_log,
                parameters.rotation.levels,
            );
            let mut random = 1_u64;
            for value in key.as_mut_view().data().iter_mut() {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                value.re = random as f64;
            }
            let fft = Fft::new(polynomial_size);
            let length = size.0 * polynomial_size.0;
            let mut accumulator: Vec<u64> =
                (0..length as u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
            let mut difference = vec![0_u64; length];
            let mut workspace = Workspace::new(&parameters, &fft);
            let mut buffers = ComputationBuffers::new();
            buffers.resize(
                add_external_product_assign_mem_optimized_requirement::<u64>(
                    size,
                    polynomial_size,
                    fft.as_view(),
                )
                .unaligned_bytes_required(),
            );
            let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
            for _ in 0..40 {
                let start = Instant::now();
                for (index, ggsw) in key.as_view().into_ggsw_iter().enumerate() {
                    workspace.prepare(&ggsw, &mut difference, &accumulator, &accumulator, index * 7 + 3);
                    workspace.add_product(ggsw, &mut accumulator, &mut difference, fft.as_view());
                }
                ours = ours.min(start.elapsed().as_secs_f64());
                let start = Instant::now();
                for (index, ggsw) in key.as_view().into_ggsw_iter().enumerate() {
                    for (output, input) in difference
                        .chunks_exact_mut(polynomial_size.0)
                        .zip(accumulator.chunks_exact(polynomial_size.0))
                    {
                        polynomial_algorithms::polynomial_wrapping_monic_monomial_mul(
                            &mut Polynomial::from_container(output),
                            &Polynomial::from_container(input),
                            MonomialDegree(index * 7 + 3),
                        );
                    }
                    let modulus = CiphertextModulus::new_native();
                    let input = GlweCiphertext::from_container(&difference[..], polynomial_size, modulus);
                    let mut output =
                        GlweCiphertext::from_container(&mut accumulator[..], polynomial_size, modulus);
                    add_external_product_assign_mem_optimized(
                        &mut output,
                        &ggsw,
                        &input,
                        fft.as_view(),
                        buffers.stack(),
                    );
                }
                theirs = theirs.min(start.elapsed().as_secs_f64());
            }
            println!(
                "k {} N {} levels {levels}: ours {:.1} us, tfhe's {:.1} us",
                glwe_dimension.0,
                polynomial_size.0,
                ours / KEYS as f64 * 1e6,
                theirs / KEYS as f64 * 1e6,
            );
        }
    }
}
