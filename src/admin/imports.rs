//! Imports over gRPC: a file comes in pieces, reports go back as rows are done.

use std::pin::Pin;
use std::time::Duration;

use countersign_core::base::limits::IMPORT_OCTETS_MAX;
use countersign_core::base::{RequestId, Secret};
use futures_util::Stream;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::api::{self, import_request::Part, import_service_server::ImportService};
use super::auth::caller;
use super::convert::request_id;
use super::server::Desk;
use crate::login::Ledger;
use crate::operate::{Caller, ImportOptions, ImportProgress};

#[tonic::async_trait]
impl<L: Ledger> ImportService for Desk<L> {
    type ImportAzureCsvStream =
        Pin<Box<dyn Stream<Item = Result<api::ImportProgress, Status>> + Send>>;

    async fn import_azure_csv(
        &self,
        request: Request<Streaming<api::ImportRequest>>,
    ) -> Result<Response<Self::ImportAzureCsvStream>, Status> {
        let caller = caller(&request)?;
        let room = IMPORTS.try_acquire();
        let room = room.map_err(|_| Status::unavailable("other imports are running"))?;
        let parts = request.into_inner();
        let (tell, told) = mpsc::channel(PROGRESS_QUEUED_MAX);
        let desk = self.clone();
        // A task of its own: a caller that hangs up must not leave half a file imported.
        tokio::spawn(async move {
            let ended = desk.import(caller, parts, &tell).await;
            if let Err(status) = ended {
                drop(tell.send(Err(status)).await);
            }
            drop(room);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(told))))
    }
}

type Tell = mpsc::Sender<Result<api::ImportProgress, Status>>;

impl<L: Ledger> Desk<L> {
    async fn import(
        &self,
        caller: Caller,
        parts: Streaming<api::ImportRequest>,
        tell: &Tell,
    ) -> Result<(), Status> {
        let received = tokio::time::timeout(UPLOAD_TIME_MAX, received(parts)).await;
        let (id, options, file) =
            received.map_err(|_| Status::deadline_exceeded("the file came too slowly"))??;
        let (report, mut reports) = mpsc::channel(PROGRESS_QUEUED_MAX);
        let forward = async {
            while let Some(progress) = reports.recv().await {
                drop(tell.send(Ok(shown(progress))).await);
            }
        };
        let import = self.0.import_azure_csv(&caller, id, file, options, report);
        let (ended, ()) = tokio::join!(import, forward);
        Ok(ended?)
    }
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
