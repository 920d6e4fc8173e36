//! The server and its command line; see `countersign::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    countersign::cli::main()
}
