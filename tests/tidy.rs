//! Holds what the compiler does not: layers, sizes, dead files.
//!
//! There is no list of exemptions. A file that fails here is split, not excused.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules of the root package, top to bottom. One may use only those further down; those
/// of one line stand side by side and do not know each other.
const SHELLS: &[&[&str]] = &[
    &["cli"],
    &["node"],
    &["net", "admin", "telemetry", "relay"],
    &["operate"],
    &["senders"],
    &["consensus", "device", "sources"],
    &["login", "peers"],
    &["tls", "fail_point"],
];

/// Modules of `countersign-core`, likewise.
const CORE: &[&[&str]] = &[
    &["login"],
    &["policy", "import"],
    &["ledger"],
    &["radius", "otp", "seal"],
    &["base"],
];

const FILE_LINES_MAX: usize = 600;
const PRODUCTION_LINES_MAX: usize = 400;
const LINE_CHARS_MAX: usize = 100;

#[test]
fn arrows_point_down() {
    let mut wrong = Vec::new();
    for (root, layers) in [("src", SHELLS), ("src/core", CORE)] {
        for file in rust_files(root) {
            let Some(here) = module_of(root, &file) else {
                continue;
            };
            let Some(height) = height_of(layers, &here) else {
                continue;
            };
            for used in modules_used(&read(&file)) {
                let below = height_of(layers, &used).is_none_or(|other| other > height);
                if used != here && !below {
                    wrong.push(format!("{}: {here} uses {used}", file.display()));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "arrows that point up or sideways:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_module_has_a_layer() {
    let mut homeless = Vec::new();
    for (root, layers) in [("src", SHELLS), ("src/core", CORE)] {
        for file in rust_files(root) {
            let Some(module) = module_of(root, &file) else {
                continue;
            };
            if height_of(layers, &module).is_none() {
                homeless.push(file.display().to_string());
            }
        }
    }
    assert!(
        homeless.is_empty(),
        "no layer in tests/tidy.rs for:\n{}",
        homeless.join("\n")
    );
}

/// The demo and chaos are binaries of their own, so the compiler keeps others from
/// importing them; all but this way round.
#[test]
fn no_module_is_brought_in_by_path() {
    let users: Vec<_> = ["src", "chaos"]
        .into_iter()
        .flat_map(rust_files)
        .filter(|file| read(file).contains("#[path"))
        .collect();
    assert!(
        users.is_empty(),
        "modules are brought in by path in {users:?}"
    );
}

#[test]
fn files_and_lines_stay_small() {
    let mut large = Vec::new();
    for file in ["src", "tests", "chaos"].into_iter().flat_map(rust_files) {
        let text = read(&file);
        let lines = text.lines().count();
        let production = text
            .split("\n#[cfg(test)]\nmod tests {")
            .next()
            .map_or(0, |production| {
                if is_test(&file) {
                    0
                } else {
                    production.lines().count()
                }
            });
        if lines > FILE_LINES_MAX || production > PRODUCTION_LINES_MAX {
            large.push(format!(
                "{}: {lines} lines, {production} of them product",
                file.display()
            ));
        }
        for (number, line) in text.lines().enumerate() {
            if line.chars().count() > LINE_CHARS_MAX {
                large.push(format!(
                    "{}:{}: a line too long",
                    file.display(),
                    number + 1
                ));
            }
        }
    }
    assert!(large.is_empty(), "too large:\n{}", large.join("\n"));
}

#[test]
fn every_file_is_declared_by_its_parent() {
    let roots: BTreeSet<&str> = [
        "src/lib.rs",
        "src/main.rs",
        "src/core/lib.rs",
        "src/core/build.rs",
    ]
    .into_iter()
    .chain(["src/demo/main.rs", "chaos/main.rs"])
    .collect();
    let mut dead = Vec::new();
    for file in ["src", "chaos"].into_iter().flat_map(rust_files) {
        if roots.contains(file.to_str().expect("paths of the repository are UTF-8")) {
            continue;
        }
        let name = module_name(&file);
        let declared = parents_of(&file)
            .iter()
            .filter(|parent| parent.exists())
            .any(|parent| {
                let text = read(parent);
                text.lines().any(|line| {
                    let line = line.trim();
                    line.ends_with(&format!("mod {name};")) && !line.starts_with("//")
                })
            });
        if !declared {
            dead.push(file.display().to_string());
        }
    }
    assert!(
        dead.is_empty(),
        "declared by no parent:\n{}",
        dead.join("\n")
    );
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<_> = ["src", "chaos"]
        .into_iter()
        .flat_map(rust_files)
        .filter(|file| !is_test(file) && !read(file).starts_with("//!"))
        .collect();
    assert!(silent.is_empty(), "without a module doc: {silent:?}");
}

/// The rows of the conformance list, by which the tests of what a RADIUS server has to do are
/// named: the packet, Access-Request, Message-Authenticator, and others.
#[test]
fn every_row_of_the_conformance_list_has_a_test() {
    let tests = ["src", "tests"].into_iter().flat_map(rust_files);
    let tests: String = tests.map(|file| read(&file)).collect();
    let rows = [("p", 8), ("a", 13), ("m", 8), ("s", 10)];
    let rows = rows.map(|(table, last)| (1..=last).map(move |row| format!("{table}{row}")));
    let untested: Vec<_> = rows
        .into_iter()
        .flatten()
        .filter(|row| !tests.contains(&format!("fn {row}_")))
        .collect();
    assert!(untested.is_empty(), "no test is named after {untested:?}");
}

/// All Rust files below `root`; nothing where `root` does not exist.
fn rust_files(root: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from(root)];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("the repository can be read").path();
            if path.is_dir() {
                // What cargo makes there, for the fuzz targets, is not ours.
                if !path.ends_with("target") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("source files are UTF-8")
}

fn is_test(file: &Path) -> bool {
    file.starts_with("tests")
        || file
            .components()
            .any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")))
}

/// The top module that a file of the package at `root` belongs to; none for the package's
/// own roots, and for files of the other packages below it.
fn module_of(root: &str, file: &Path) -> Option<String> {
    let inside = file.strip_prefix(root).ok()?;
    let first = inside.components().next()?.as_os_str().to_str()?;
    let other_package = root == "src" && (first == "core" || first == "demo");
    let root_file = matches!(first, "lib.rs" | "main.rs" | "build.rs");
    (!other_package && !root_file).then(|| first.trim_end_matches(".rs").to_owned())
}

fn height_of(layers: &[&[&str]], module: &str) -> Option<usize> {
    layers.iter().position(|layer| layer.contains(&module))
}

/// The top modules that a file names by `crate::`.
fn modules_used(text: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    for part in code.split("crate::").skip(1) {
        if let Some(group) = part.strip_prefix('{') {
            let group = group.split('}').next().unwrap_or_default();
            used.extend(group.split(',').map(|path| word(path.trim())));
        } else {
            used.insert(word(part));
        }
    }
    used
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn module_name(file: &Path) -> String {
    let stem = file
        .file_stem()
        .and_then(|stem| stem.to_str())
        .expect("files have names");
    if stem != "mod" {
        return stem.to_owned();
    }
    let folder = file
        .parent()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str());
    folder.expect("mod.rs lies in a folder").to_owned()
}

/// Where a file's `mod` line may stand.
fn parents_of(file: &Path) -> Vec<PathBuf> {
    let mut folder = file.parent().expect("files lie in folders");
    if file.ends_with("mod.rs") {
        folder = folder.parent().expect("a module's folder lies in another");
    }
    let beside = folder.with_extension("rs");
    let names = ["mod.rs", "lib.rs", "main.rs"].map(|name| folder.join(name));
    names.into_iter().chain([beside]).collect()
}
