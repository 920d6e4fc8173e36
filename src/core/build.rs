//! Generates the on-disk messages from `proto/storage.proto`, without protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let proto = "../../proto/storage.proto";
    println!("cargo:rerun-if-changed={proto}");
    let files = protox::compile([proto], ["../../proto"])?;
    prost_build::Config::new().compile_fds(files)?;
    Ok(())
}
