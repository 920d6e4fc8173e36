//! `countersign cluster …`

use serde_json::json;

use super::connection::Connection;
use super::failure::Failure;
use super::new;
use super::output::{Format, print};
use super::show;
use crate::admin::api;
use crate::admin::api::cluster_service_client::ClusterServiceClient;

/// What can be done with the cluster.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Makes, offline, what a cluster is founded with: keys, certificates, a node's file
    New(new::New),
    /// Shows how every node stands, as the one that is asked sees it
    Status,
    /// Makes another voter lead; to be asked of the leader, whose log keeps who did. Nothing
    /// replicated changes: it is not in the audit, and --request-id means nothing
    TransferLeader {
        /// Which node; the one closest behind where none is named
        #[arg(default_value_t = 0, hide_default_value = true)]
        node: u16,
    },
}

impl Command {
    pub(super) async fn run(self, connection: Connection) -> Result<(), Failure> {
        match self {
            Self::New(new) => new.run(),
            Self::Status => {
                let session = connection.open()?;
                let mut cluster = ClusterServiceClient::new(session.named());
                let status = session.done(cluster.get_status(api::GetStatusRequest {}).await)?;
                session.output.one(show::STATUS, &show::status(&status));
                if session.output.0 == Format::Table {
                    print("\n");
                    session.output.list(show::MEMBERS, show::members(&status));
                    let troubles = show::troubles(&status);
                    if !troubles.is_empty() {
                        print("\n");
                        session.output.list(show::TROUBLES, troubles);
                    }
                }
                Ok(())
            }
            Self::TransferLeader { node } => {
                let session = connection.open()?;
                let mut cluster = ClusterServiceClient::new(session.named());
                let asked = api::TransferLeaderRequest { node: node.into() };
                // Without a word of a request id where the result is unknown: it has none.
                let taken = cluster.transfer_leader(asked).await?.into_inner();
                session
                    .output
                    .one(&["leader"], &json!({ "leader": taken.leader }));
                Ok(())
            }
        }
    }
}
