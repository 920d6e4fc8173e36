//! Imports over gRPC: a file comes in pieces, reports go back as rows are done.

use std::pin::Pin;
use std::time::Duration;

use countersign_core::base::limits::IMPORT_OCTETS_MAX;
use countersign_core::base::{RequestId, Secret};
use futures_util::Stream;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::api::{self, import_request::Part, import_service_server::ImportService};
use super::auth::caller;
use super::convert::request_id;
use super::server::Desk;
use crate::login::Ledger;
use crate::operate::{Action, Caller, ImportOptions, ImportProgress};

#[tonic::async_trait]
impl<L: Ledger> ImportService for Desk<L> {
    type ImportAzureCsvStream =
        Pin<Box<dyn Stream<Item = Result<api::ImportProgress, Status>> + Send>>;

    async fn import_azure_csv(
        &self,
        request: Request<Streaming<api::ImportRequest>>,
    ) -> Result<Response<Self::ImportAzureCsvStream>, Status> {
        let caller = caller(&request)?;
        // Before a slot is taken: who may not import must not keep others from it.
        caller.may(Action::Import)?;
        let room = IMPORTS.try_acquire();
        let room = room.map_err(|_| Status::unavailable("other imports are running"))?;
        let parts = request.into_inner();
        let (tell, told) = mpsc::channel(PROGRESS_QUEUED_MAX);
        let (end, ended) = oneshot::channel();
        let desk = self.clone();
        // A task of its own: a caller that hangs up must not leave half a file imported.
        tokio::spawn(async move {
            if let Err(status) = desk.import(caller, parts, tell).await {
                drop(end.send(status));
            }
            drop(room);
        });
        // Beside the reports, whose queue may be full.
        let failure = futures_util::stream::once(ended);
        let failure = failure.filter_map(|ended| ended.ok().map(Err));
        let reports = ReceiverStream::new(told).map(Ok);
        Ok(Response::new(Box::pin(reports.chain(failure))))
    }
}

impl<L: Ledger> Desk<L> {
    async fn import(
        &self,
        caller: Caller,
        parts: Streaming<api::ImportRequest>,
        tell: mpsc::Sender<api::ImportProgress>,
    ) -> Result<(), Status> {
        let received = tokio::time::timeout(UPLOAD_TIME_MAX, received(parts)).await;
        let (id, options, file) =
            received.map_err(|_| Status::deadline_exceeded("the file came too slowly"))??;
        let (report, reports) = mpsc::channel(PROGRESS_QUEUED_MAX);
        let import = self.0.import_azure_csv(&caller, id, file, options, report);
        let (ended, read) = tokio::join!(import, pass_on(reports, tell));
        ended?;
        read
    }
}

/// Tells the caller, for as long as it reads. The import does not wait for one that does not:
/// its slot and its file are held that long.
async fn pass_on(
    mut reports: mpsc::Receiver<ImportProgress>,
    tell: mpsc::Sender<api::ImportProgress>,
) -> Result<(), Status> {
    let mut read = Ok(());
    while let Some(progress) = reports.recv().await {
        if read.is_err() {
            continue;
        }
        let told = tell.send_timeout(shown(progress), REPORT_TIME_MAX).await;
        read = told.map_err(|_| {
            Status::aborted("the reports were not read in time; the import went on without you")
        });
    }
    read
}

/// The whole file: its first row decides how the rest is read.
async fn received(
    mut parts: Streaming<api::ImportRequest>,
) -> Result<(RequestId, ImportOptions, Secret), Status> {
    let first = parts.next().await.transpose()?.and_then(|it| it.part);
    let Some(Part::Options(asked)) = first else {
        return Err(Status::invalid_argument("the options come first"));
    };
    let id = request_id(&asked.request_id)?;
    let mut file = Vec::new();
    while let Some(part) = parts.next().await.transpose()? {
        let Some(Part::Chunk(chunk)) = part.part else {
            return Err(Status::invalid_argument("the file follows the options"));
        };
        if file.len().saturating_add(chunk.octets.len()) > IMPORT_OCTETS_MAX {
            return Err(Status::resource_exhausted(format!(
                "the file is longer than {IMPORT_OCTETS_MAX} octets; cut it in pieces"
            )));
        }
        file.extend_from_slice(&chunk.octets);
    }
    let options = ImportOptions {
        dry_run: asked.dry_run,
        atomic: asked.atomic,
        pending: asked.pending,
        hex: asked.hex,
    };
    Ok((id, options, Secret::new(file)))
}

fn shown(progress: ImportProgress) -> api::ImportProgress {
    let done = progress.done.into_iter().map(|row| api::ImportedRow {
        line: row.line,
        refused: row.refused.unwrap_or_default(),
        note: row.note,
    });
    api::ImportProgress {
        rows: progress.rows.try_into().unwrap_or(u32::MAX),
        done: done.collect(),
    }
}

/// Files held in memory at one time.
static IMPORTS: Semaphore = Semaphore::const_new(2);
const PROGRESS_QUEUED_MAX: usize = 16;
const UPLOAD_TIME_MAX: Duration = Duration::from_secs(300);
/// For a caller to read one report.
const REPORT_TIME_MAX: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_import_does_not_wait_for_a_caller_that_does_not_read() {
        let (report, reports) = mpsc::channel(1);
        let (tell, mut told) = mpsc::channel(1);
        let passing = tokio::spawn(pass_on(reports, tell));
        let began = tokio::time::Instant::now();
        let sent = async {
            for rows in 0..100 {
                let progress = ImportProgress {
                    rows,
                    ..ImportProgress::default()
                };
                report.send(progress).await.expect("it is taken");
            }
        };
        let sent = tokio::time::timeout(2 * REPORT_TIME_MAX, sent).await;
        sent.expect("nothing waits for the caller");
        drop(report);
        let ended = passing.await.expect("no panic");
        assert_eq!(ended.map_err(|it| it.code()), Err(Code::Aborted));
        assert_eq!(began.elapsed(), REPORT_TIME_MAX);
        // What was told before is still there, and nothing behind the gap.
        assert_eq!(told.recv().await.map(|it| it.rows), Some(0));
        assert!(told.recv().await.is_none());
    }
}
