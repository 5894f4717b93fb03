//! The layers of the engine: a module uses only those below it, so that each can be read
//! without those above it. Reading and writing do not use each other.

use std::path::{Path, PathBuf};

/// From the top down. Modules of one line do not use each other.
const LAYERS: &[&[&str]] = &[
    &["store"],
    &["read", "write"],
    &["view"],
    &["manifest"],
    &["chunk", "log"],
    &["format"],
    &["stats"],
    &["os"],
    &["options"],
    &["observation", "error"],
];
/// Modules without a layer: the library's interface, and what only tests and fuzzing use.
const OUTSIDE: &[&str] = &["lib", "fuzzing", "tests"];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

fn sources(under: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(under).expect("listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|it| it == "rs") {
            into.push(path);
        }
    }
}

/// The code without comments, and without items that only some builds have.
fn code(source: &str) -> String {
    let source = source.split("#[cfg(test)]\nmod tests").next().expect("the first part");
    let mut lines = Vec::new();
    let mut is_left_out = false;
    for line in source.lines() {
        let line = line.split("//").next().expect("the first part").trim();
        let is_of_some_builds = ["#[cfg(test)]", "#[cfg(doc)]", "#[cfg(fuzzing)]"].contains(&line);
        // Leaves out only the next item, up to its end or its opening brace.
        if is_left_out && (line.ends_with(';') || line.ends_with('{')) {
            is_left_out = false;
        } else if !is_left_out && !is_of_some_builds {
            lines.push(line);
        }
        is_left_out |= is_of_some_builds;
    }
    lines.join("\n")
}

/// The modules that the code names from the root of the crate.
fn used(code: &str) -> impl Iterator<Item = &str> {
    code.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

#[test]
fn a_module_uses_only_those_below_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut files, mut wrong) = (Vec::new(), Vec::new());
    sources(&root, &mut files);
    assert!(files.len() > 60, "{} files", files.len());
    for file in files {
        let relative = file.strip_prefix(&root).expect("below it");
        let first = relative.iter().next().expect("a name").to_string_lossy();
        let module = first.trim_end_matches(".rs");
        let is_test = relative.iter().any(|part| part == "tests" || part == "tests.rs");
        if OUTSIDE.contains(&module) || is_test {
            continue;
        }
        let own = layer(module).unwrap_or_else(|| panic!("{module} has no layer"));
        let source = std::fs::read_to_string(&file).expect("read");
        for other in used(&code(&source)) {
            if other != module && layer(other).is_none_or(|other| other <= own) {
                wrong.push(format!("{} uses crate::{other}", relative.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
