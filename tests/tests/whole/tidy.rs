//! The house stays as ARCHITECTURE.md describes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::program::root;

const LONGEST_FILE: usize = 500;
const ROOMS_WITHOUT_A_NAME: [&str; 4] = ["common.rs", "helpers.rs", "misc.rs", "utils.rs"];

/// Who may use whom: the direction of the data, each crate with all that it may depend on.
const DIRECTION: [(&str, &[&str]); 11] = [
    ("features", &[]),
    ("models", &["features"]),
    ("actions", &["features", "models"]),
    ("simulate", &["features"]),
    ("cluster", &["features"]),
    ("proto", &[]),
    ("serve", &["features", "models", "actions", "proto"]),
    ("train", &["features", "models", "actions", "simulate"]),
    ("demo", &["features", "models", "actions", "simulate", "proto", "serve", "train"]),
    ("benches", &["features", "models", "actions", "simulate"]),
    ("tests", &["features", "models", "actions", "simulate", "proto", "serve", "train"]),
];

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["target", ".git", "generated", "demo-run"].contains(&name.as_str()) {
                files_below(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

fn hand_written() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files_below(&root(), &mut found);
    found.sort();
    assert!(found.len() > 50, "only {} files found: the walk is broken", found.len());
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

fn sources() -> Vec<PathBuf> {
    hand_written().into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs")).collect()
}

fn manifest(room: &str) -> toml::Table {
    fs::read_to_string(root().join(room).join("Cargo.toml")).unwrap().parse().unwrap()
}

fn dependencies(manifest: &toml::Table, kind: &str) -> BTreeSet<String> {
    manifest.get(kind).and_then(|d| d.as_table()).map(|d| d.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn no_file_is_two_rooms() {
    let long: Vec<_> = hand_written()
        .iter()
        .filter(|path| {
            path.extension().is_some_and(|e| e == "rs" || e == "proto" || e == "toml" || e == "py")
        })
        .map(|path| (fs::read_to_string(path).unwrap().lines().count(), shown(path)))
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .collect();
    assert!(long.is_empty(), "over {LONGEST_FILE} lines: {long:?}");
}

#[test]
fn every_file_is_named_for_what_is_in_it_and_says_so() {
    for path in sources() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!ROOMS_WITHOUT_A_NAME.contains(&name.as_str()), "{}", shown(&path));
        let text = fs::read_to_string(&path).unwrap();
        let is_tests_of_its_parent = name.ends_with("tests.rs");
        assert!(
            is_tests_of_its_parent || text.starts_with("//!"),
            "{} does not say what it is for",
            shown(&path)
        );
    }
}

#[test]
fn crates_depend_in_one_direction() {
    let allowed: BTreeMap<_, _> = DIRECTION.into_iter().collect();
    let workspace: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    assert_eq!(members.len(), allowed.len(), "a crate is missing in DIRECTION");
    for member in members {
        let room = member.as_str().unwrap();
        for dependency in dependencies(&manifest(room), "dependencies") {
            if let Some(used) = dependency.strip_prefix("holdfast-") {
                assert!(allowed[room].contains(&used), "{room} must not use {used}");
            }
        }
    }
}

#[test]
fn only_proto_and_serve_know_the_wire() {
    for room in ["features", "models", "actions", "simulate", "train"] {
        for kind in ["dependencies", "dev-dependencies"] {
            for dependency in dependencies(&manifest(room), kind) {
                assert!(!dependency.starts_with("tonic") && !dependency.starts_with("prost"), "{room}");
            }
        }
    }
}

#[test]
fn only_programs_use_anyhow() {
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let says_so = text.lines().any(|line| line.contains("anyhow::") && !line.contains("\"anyhow"));
        // The demo and the benches are programs and nothing else: nobody needs to tell their errors apart.
        let is_program = path.ends_with("src/main.rs")
            || ["demo/", "benches/"].iter().any(|room| shown(&path).starts_with(room));
        assert!(!says_so || is_program, "{} uses anyhow", shown(&path));
    }
}

#[test]
fn nothing_names_a_machine() {
    // Spelt in pieces, so that this file does not find itself.
    let roots = ["work", "root", "home"].map(|folder| format!("/{folder}/"));
    let readable = ["rs", "toml", "md", "proto", "py", "yml", "yaml", "html", "json", "sh", ""];
    for path in hand_written() {
        let extension = path.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
        if !readable.contains(&extension.as_str()) {
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            for folder in &roots {
                let at_a_start = line.match_indices(folder.as_str()).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    before.is_none_or(|c| !(c.is_ascii_alphanumeric() || "._-/{}$~".contains(c)))
                });
                assert!(!at_a_start, "{}:{} names a path of a machine", shown(&path), number + 1);
            }
        }
    }
}

#[test]
fn architecture_maps_every_room() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for (room, _) in DIRECTION {
        let Ok(entries) = fs::read_dir(root().join(room).join("src")) else { continue };
        for entry in entries {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            let module = name.trim_end_matches(".rs");
            if ["lib", "main", "bin"].contains(&module) {
                continue;
            }
            assert!(
                map.contains(&format!("`{room}/src/{name}`")),
                "ARCHITECTURE.md does not say what {room}/src/{name} is for"
            );
        }
    }
}
