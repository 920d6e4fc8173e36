//! Generates the messages and services of the wire from `proto/`, without protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = protox::compile(["proto/admin.proto"], ["proto"])?;
    tonic_prost_build::configure()
        .skip_debug(SECRETS)
        .compile_fds(files)?;
    Ok(())
}

/// Messages whose `Debug` is written by hand, since it must not print them.
const SECRETS: [&str; 2] = [
    "countersign.admin.v1.SecretText",
    "countersign.admin.v1.ImportChunk",
];
