//! `docs/explain.md` shows what the program prints: every command of the page is run, in the order of the page.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program::{TRAIN, root};

/// A block of the page: a command after `$`, and the output under it.
struct Shown {
    line: usize,
    command: String,
    output: String,
}

/// The blocks of the page that begin with a command; a command goes on after a backslash.
fn blocks(page: &str) -> Vec<Shown> {
    let mut blocks: Vec<Shown> = Vec::new();
    let mut is_inside = false;
    for (index, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            is_inside = !is_inside;
            continue;
        }
        if !is_inside {
            continue;
        }
        if let Some(command) = line.strip_prefix("$ ") {
            blocks.push(Shown { line: index + 1, command: command.to_owned(), output: String::new() });
            continue;
        }
        let Some(last) = blocks.last_mut() else { continue };
        match last.command.strip_suffix('\\') {
            Some(command) => last.command = format!("{} {}", command.trim(), line.trim()),
            None => last.output += &format!("{line}\n"),
        }
    }
    blocks
}

fn run(folder: &Path, command: &str) -> String {
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("holdfast-train"), "{command}");
    let output = Command::new(TRAIN).args(words).current_dir(folder).output().expect("holdfast-train starts");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_page_shows_what_the_program_prints() {
    let page = fs::read_to_string(root().join("docs/explain.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let blocks = blocks(&page);
    let explained = blocks.iter().filter(|block| block.command.contains("features explain")).count();
    assert!(explained >= 10, "only {explained} values are explained");
    for Shown { line, command, output } in blocks {
        let printed = run(folder.path(), &command);
        assert!(
            printed == output,
            "docs/explain.md, line {line}: `{command}` prints\n{printed}\nand the page shows\n{output}"
        );
    }
}
