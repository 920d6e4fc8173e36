//! The server and its command line; see `countersign::cli`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// For RocksDB as well: it stands in for malloc. A login makes a hundred small pieces on
/// one thread and drops them on another, which the C library's allocator keeps scattered.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    countersign::cli::main()
}
