//! Which machine this is, as far as prices depend on it.

use sysinfo::{CpuRefreshKind, RefreshKind, System};

/// Everything that changes how fast operations are: the processor, this crate and how it was built.
pub(super) fn description() -> String {
    let processor = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(processor);
    let cpu = system.as_ref().ok().and_then(|system| system.cpus().first());
    let brand = cpu.map_or("", |cpu| cpu.brand());
    let built = [
        ("target avx2", cfg!(target_feature = "avx2")),
        ("target avx512f", cfg!(target_feature = "avx512f")),
        ("debug", cfg!(debug_assertions)),
    ];
    let built: Vec<&str> = built.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    let (arch, os, version) = (std::env::consts::ARCH, std::env::consts::OS, env!("CARGO_PKG_VERSION"));
    format!("{brand}, {arch}, {os}, {version}, {}", built.join(" "))
}
