//! `countersign import …`

use std::io::IsTerminal as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::connection::Session;
use super::failure::Failure;
use super::secrets;
use crate::admin::api::import_request::Part;
use crate::admin::api::import_service_client::ImportServiceClient;
use crate::admin::api::{ImportChunk, ImportOptions, ImportRequest, ImportedRow};

/// What can be imported.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// The file with hardware tokens that Microsoft Entra takes
    AzureCsv(AzureCsv),
}

/// How the file is imported.
#[derive(Debug, clap::Args)]
pub(super) struct AzureCsv {
    /// The file; - is standard input
    file: PathBuf,
    /// Only says what would happen
    #[arg(long)]
    dry_run: bool,
    /// All rows or none
    #[arg(long)]
    atomic: bool,
    /// Each token has to be proven before it takes logins
    #[arg(long)]
    pending: bool,
    /// The secret keys are hexadecimal, not Base32
    #[arg(long)]
    hex: bool,
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::AzureCsv(it) => it.run(session).await,
        }
    }
}

impl AzureCsv {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let file = secrets::whole(&self.file)?;
        let options = Part::Options(ImportOptions {
            request_id: session.request_id(),
            dry_run: self.dry_run,
            atomic: self.atomic,
            pending: self.pending,
            hex: self.hex,
        });
        let chunks: Vec<_> = file
            .chunks(CHUNK_OCTETS)
            .map(|octets| {
                Part::Chunk(ImportChunk {
                    octets: octets.to_vec(),
                })
            })
            .collect();
        let parts = std::iter::once(options).chain(chunks);
        let requests = parts.map(|part| ImportRequest { part: Some(part) });
        let mut imports = ImportServiceClient::new(session.named());
        let answer = imports.import_azure_csv(tokio_stream::iter(requests)).await;
        let mut reports = session.done(answer)?;
        let (mut done, mut refused) = (Vec::new(), 0_usize);
        loop {
            let next = reports.message().await.map(tonic::Response::new);
            let Some(progress) = session.done(next)? else {
                break;
            };
            refused =
                refused.saturating_add(progress.done.iter().filter(|r| is_refused(r)).count());
            done.extend(progress.done.iter().map(shown));
            tell(done.len(), progress.rows);
        }
        let count = done.len();
        session.output.list(&["line", "refused", "note"], done);
        if refused > 0 {
            let text = format!("{refused} of {count} rows were refused");
            return Err(Failure::Refused(text));
        }
        Ok(())
    }
}

fn is_refused(row: &ImportedRow) -> bool {
    !row.refused.is_empty()
}

fn shown(row: &ImportedRow) -> Value {
    json!({ "line": row.line, "refused": row.refused, "note": row.note })
}

/// Progress, for those who watch: never into a file or a pipe.
fn tell(done: usize, rows: u32) {
    if std::io::stderr().is_terminal() {
        eprint!("\r{done} of {rows} rows ");
        if u32::try_from(done).is_ok_and(|done| done >= rows) {
            eprintln!();
        }
    }
}

/// Well below the longest message of the API.
const CHUNK_OCTETS: usize = 256 * 1024;
