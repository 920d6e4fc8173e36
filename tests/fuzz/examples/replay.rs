//! Runs what a target keeps, without the fuzzer, in `tests/fuzz/`:
//! `cargo run --example replay -- TARGET FOLDER…`. So `tests/fuzz/reach` measures what a
//! corpus reaches.

use std::{env, fs, io};

use countersign_fuzz::TARGETS;

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let target = TARGETS.iter().find(|(target, _)| *target == name);
    let Some((_, run)) = target else {
        return Err(io::Error::other(format!("no target is called {name:?}")));
    };
    let mut inputs = 0;
    for folder in arguments {
        for entry in fs::read_dir(folder)? {
            run(&fs::read(entry?.path())?);
            inputs += 1;
        }
    }
    println!("{name}: {inputs} inputs");
    Ok(())
}
