//! Imports: a file's rows into commands, some of them in flight at a time.
//!
//! A file with one unreadable row imports the others; with `atomic`, none. Each chunk has
//! a request id that follows from the import's, so that a repeated import does nothing
//! twice.

mod rows;

use std::time::Duration;

use countersign_core::base::limits::{ATOMIC_ROWS_MAX, IMPORT_OCTETS_MAX};
use countersign_core::base::{RequestId, Secret};
use countersign_core::import::{self, RowOutcome, TokenRow};
use countersign_core::ledger::storage::{self, ChangeOutcome, Refusal, change::Kind};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::house::Asked;
use super::{Action, Caller, Operate, OperateError};
use crate::login::Ledger;

/// How a file is imported.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions {
    /// Only say what would happen.
    pub dry_run: bool,
    /// All rows or none.
    pub atomic: bool,
    /// Each token has to be proven before it takes logins.
    pub pending: bool,
    /// The seeds are hexadecimal.
    pub hex: bool,
}

/// How some rows ended.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ImportProgress {
    /// Rows in the file, blank ones left out.
    pub rows: usize,
    /// Those that are done with, in order.
    pub done: Vec<RowReport>,
}

/// How one row ended.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RowReport {
    /// The line of the file, from 1, the header included.
    pub line: u64,
    /// Why it was not imported.
    pub refused: Option<String>,
    /// What was made, and what should be looked at.
    pub note: String,
}

impl<L: Ledger> Operate<L> {
    /// Imports a file as Microsoft Entra takes it, and reports row by row. Whoever listens
    /// may go away; the import goes on.
    ///
    /// # Errors
    /// The file cannot be read as a whole, or the result of some rows is unknown.
    pub async fn import_azure_csv(
        &self,
        caller: &Caller,
        request: RequestId,
        file: Secret,
        options: ImportOptions,
        report: mpsc::Sender<ImportProgress>,
    ) -> Result<(), OperateError> {
        caller.may(Action::Import)?;
        self.in_sync()?;
        let outcomes = parsed(file, options).await?;
        let job = Job {
            caller,
            request,
            options,
            rows: outcomes.len(),
        };
        if options.dry_run {
            let done = self.rehearsed(outcomes).await?;
            job.tell(&report, done).await;
        } else if options.atomic {
            let done = self.import_whole(&job, &outcomes).await?;
            job.tell(&report, done).await;
        } else {
            self.import_chunks(&job, &outcomes, &report).await?;
        }
        Ok(())
    }

    async fn import_chunks(
        &self,
        job: &Job<'_>,
        outcomes: &[RowOutcome],
        report: &mpsc::Sender<ImportProgress>,
    ) -> Result<(), OperateError> {
        let mut flying = FuturesOrdered::new();
        for (number, chunk) in outcomes.chunks(CHUNK_ROWS).enumerate() {
            flying.push_back(self.import_chunk(job, number, chunk));
            if flying.len() < CHUNKS_IN_FLIGHT {
                continue;
            }
            if let Some(done) = flying.next().await {
                job.tell(report, done?).await;
            }
        }
        while let Some(done) = flying.next().await {
            job.tell(report, done?).await;
        }
        Ok(())
    }

    async fn import_chunk(
        &self,
        job: &Job<'_>,
        number: usize,
        outcomes: &[RowOutcome],
    ) -> Result<Vec<RowReport>, OperateError> {
        let rows: Vec<_> = outcomes.iter().flatten().collect();
        if rows.is_empty() {
            return Ok(rows::reports(outcomes, &[], None));
        }
        let outcome = self
            .import_rows(job, chunk_id(job.request, number), &rows)
            .await?;
        Ok(rows::reports(outcomes, &outcome.rows, None))
    }

    async fn import_whole(
        &self,
        job: &Job<'_>,
        outcomes: &[RowOutcome],
    ) -> Result<Vec<RowReport>, OperateError> {
        if outcomes.len() > ATOMIC_ROWS_MAX {
            let why = format!("an atomic import has at most {ATOMIC_ROWS_MAX} rows");
            return Err(OperateError::invalid("file", why));
        }
        let spoilt = Some("not imported: another row was refused");
        let rows: Vec<_> = outcomes.iter().flatten().collect();
        if rows.len() < outcomes.len() || rows.is_empty() {
            return Ok(rows::reports(outcomes, &[], spoilt));
        }
        let outcome = self.import_rows(job, job.request, &rows).await?;
        let refused = outcome.refusal() != Refusal::Unspecified;
        Ok(rows::reports(
            outcomes,
            &outcome.rows,
            spoilt.filter(|_| refused),
        ))
    }

    /// Proposes rows; a result that is unknown is asked for again under the same id.
    async fn import_rows(
        &self,
        job: &Job<'_>,
        request: RequestId,
        rows: &[&TokenRow],
    ) -> Result<ChangeOutcome, OperateError> {
        for pause in PAUSES {
            let ended = self.import_once(job, request, rows).await;
            let open = matches!(
                ended,
                Err(OperateError::NotProposed | OperateError::Unknown { .. })
            );
            if !open {
                return ended;
            }
            tokio::time::sleep(pause).await;
        }
        let ended = self.import_once(job, request, rows).await;
        // The operator repeats the whole import, whose id this is.
        ended.map_err(|error| {
            let open = matches!(
                error,
                OperateError::Unknown { .. } | OperateError::NotProposed
            );
            if open {
                OperateError::Unknown {
                    request: job.request,
                }
            } else {
                error
            }
        })
    }

    async fn import_once(
        &self,
        job: &Job<'_>,
        request: RequestId,
        rows: &[&TokenRow],
    ) -> Result<ChangeOutcome, OperateError> {
        let mut asked = Asked::new(Action::Import, request)
            .with([u8::from(job.options.atomic), u8::from(job.options.pending)]);
        let mut import = storage::Import {
            rows: Vec::with_capacity(rows.len()),
            atomic: job.options.atomic,
        };
        for row in rows {
            asked = asked
                .with(row.upn.as_deref().unwrap_or_default())
                .with(&row.serial)
                .with(row.parameters.period.to_string());
            import.rows.push(self.import_row(job.options, row)?);
        }
        let kind = Kind::Import(import);
        let outcome = self.propose_any(job.caller.actor(), asked, kind).await?;
        let refusal = outcome.refusal();
        if refusal == Refusal::Unspecified || !outcome.rows.is_empty() {
            return Ok(outcome);
        }
        Err(OperateError::Refused {
            refusal,
            detail: outcome.detail,
        })
    }
}

/// What all chunks of one import share.
struct Job<'a> {
    caller: &'a Caller,
    request: RequestId,
    options: ImportOptions,
    rows: usize,
}

impl Job<'_> {
    /// In parts: a client of gRPC takes no message above 4 MiB unless it is told to.
    async fn tell(&self, report: &mpsc::Sender<ImportProgress>, done: Vec<RowReport>) {
        let rows = self.rows;
        for part in done.chunks(CHUNK_ROWS) {
            let done = part.to_vec();
            // Nobody listens any more: the rows are imported all the same.
            drop(report.send(ImportProgress { rows, done }).await);
        }
    }
}

/// Reads the file on a thread of its own: a long one takes a while.
async fn parsed(file: Secret, options: ImportOptions) -> Result<Vec<RowOutcome>, OperateError> {
    if file.len() > IMPORT_OCTETS_MAX {
        let why = format!("longer than {IMPORT_OCTETS_MAX} octets; cut it in pieces");
        return Err(OperateError::invalid("file", why));
    }
    let options = import::Options { hex: options.hex };
    tokio::task::spawn_blocking(move || import::read_azure_csv(file.expose(), options))
        .await
        .map_err(|_| OperateError::invalid("file", "reading it failed"))?
        .map_err(|e| OperateError::invalid("file", e))
}

fn chunk_id(request: RequestId, number: usize) -> RequestId {
    let mut hash = Sha256::new();
    hash.update(b"countersign import chunk");
    hash.update(request.0);
    hash.update((number as u64).to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let id = digest.first_chunk().copied();
    RequestId(id.expect("32 octets begin with 16"))
}

/// Rows in one command, and in one report: small enough that logins are not kept waiting
/// behind it.
const CHUNK_ROWS: usize = 200;
const CHUNKS_IN_FLIGHT: usize = 8;
/// Waits between the tries of one chunk: longer than an election.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
];
