//! Completion scripts for shells.

use clap::CommandFactory as _;
use clap_complete::Shell;

/// Prints a completion script.
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(super) fn print(&self) {
        let mut command = super::Arguments::command();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "countersign", &mut script);
        super::output::print(&String::from_utf8_lossy(&script));
    }
}
