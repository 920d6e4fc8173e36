//! `countersign demo`: hands over to the demo's own binary, which images and packages
//! ship without.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::failure::Failure;

/// Runs a whole cluster on this machine, with a stand-in for Entra, users, and a login to
/// try
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Options of the demo; `countersign demo -- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<OsString>,
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Failure> {
        let own = std::env::current_exe()
            .map_err(|error| Failure::Refused(format!("where is this program? {error}")))?;
        let demo = own.with_file_name("countersign-demo");
        // Returns only when it could not be started.
        let error = Command::new(&demo).arg("cluster").args(self.options).exec();
        Err(Failure::Refused(format!(
            "{}: {error}; the demo is built with the program, but not installed with it",
            demo.display()
        )))
    }
}
