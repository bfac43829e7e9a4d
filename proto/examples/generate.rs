//! Generates `src/generated/` from `holdfast/v1/*.proto`; with `--check` compares instead of writing.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = root.join("src/generated");
    let fresh = tempfile::tempdir()?;
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => return Err(format!("`{other}` is not an option; there is only --check").into()),
    };
    let out = if check { fresh.path() } else { &committed };
    fs::create_dir_all(out)?;
    generate(root, out)?;
    if check {
        for entry in fs::read_dir(out)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default();
            if fs::read(&path)? != fs::read(committed.join(name)).unwrap_or_default() {
                let name = name.to_string_lossy();
                return Err(format!(
                    "src/generated/{name} is not what the protocol says: \
                     run `cargo run -p holdfast-proto --example generate`"
                )
                .into());
            }
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a half-written file is simply generated again")]
fn generate(root: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut protos: Vec<PathBuf> = fs::read_dir(root.join("holdfast/v1"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    protos.sort();
    let mut compiler = protox::Compiler::new([root])?;
    compiler.include_imports(true).include_source_info(true).open_files(&protos)?;
    let mut set = compiler.file_descriptor_set();
    tonic_prost_build::configure()
        .out_dir(out)
        .build_client(true)
        .build_server(true)
        .btree_map(".")
        .compile_fds(set.clone())?;
    for file in &mut set.file {
        file.source_code_info = None;
    }
    fs::write(out.join("holdfast.v1.bin"), set.encode_to_vec())?;
    Ok(())
}
