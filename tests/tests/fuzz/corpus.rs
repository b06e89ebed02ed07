//! The committed inputs, and the programs of `cargo fuzz`.

use std::io;
use std::path::{Path, PathBuf};

use moorage_tests::fuzz::TARGETS;

/// The inputs of a target, in the order of their names.
pub fn of(name: &str) -> io::Result<Vec<Vec<u8>>> {
    entries(&fuzz().join("corpus").join(name))?.iter().map(std::fs::read).collect()
}

#[test]
fn every_target_has_its_program_and_a_corpus() -> anyhow::Result<()> {
    let mut targets: Vec<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    targets.sort();
    assert_eq!(stems(&fuzz().join("fuzz_targets"))?, targets);
    assert_eq!(stems(&fuzz().join("corpus"))?, targets);
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml"))?;
    let mut programs: Vec<_> = manifest.lines().filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")).collect();
    programs.sort_unstable();
    assert_eq!(programs, targets.iter().map(|name| format!("{name}.rs\"")).collect::<Vec<_>>());
    for name in &targets {
        let program = std::fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs")))?;
        let expected = format!(
            "#![no_main]\n\nuse libfuzzer_sys::fuzz_target;\n\nfuzz_target!(|data: &[u8]| {{\n    moorage_tests::fuzz::{name}(data);\n}});\n"
        );
        assert_eq!(program, expected, "{name}");
        assert!(of(name)?.len() >= 4, "{name}: a handful of inputs at least");
    }
    Ok(())
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the workspace").join("fuzz")
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn stems(folder: &Path) -> io::Result<Vec<String>> {
    let stem = |path: &PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(entries(folder)?.iter().filter_map(stem).collect())
}
