//! Generates the messages and services of the wire from `proto/`, without protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = protox::compile(["proto/admin.proto", "proto/peer.proto"], ["proto"])?;
    tonic_prost_build::configure()
        .skip_debug(SECRETS)
        // What is on disk has its types in the core.
        .extern_path(
            ".countersign.storage.v1",
            "::countersign_core::ledger::storage",
        )
        .compile_fds(files)?;
    Ok(())
}

/// Messages whose `Debug` is written by hand, since it must not print them.
const SECRETS: [&str; 5] = [
    "countersign.admin.v1.SecretText",
    "countersign.admin.v1.ImportChunk",
    "countersign.peer.v1.AttemptKeysReply",
    "countersign.peer.v1.GrantedAttribute",
    "countersign.peer.v1.LoginRequest",
];
