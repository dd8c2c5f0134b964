use std::{num::NonZeroUsize, time::Instant};

use super::graphs::{guide, samples};
use crate::{Seed, fhe::CompileOptions};

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
fn predictions() {
    for seed in 1..4 {
        let compiled = guide(Seed(seed)).compile(&CompileOptions::default()).unwrap();
        let prediction = compiled.prediction();
        println!("{:?} {}", prediction.parameters, prediction.run);
        for layer in &prediction.layers {
            println!("{layer:?}");
        }
    }
}
