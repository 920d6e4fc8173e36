//! `countersign cluster …`

use super::connection::Connection;
use super::failure::Failure;
use super::node;
use super::show;
use crate::admin::api;
use crate::admin::api::cluster_service_client::ClusterServiceClient;

/// What can be done with the cluster.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Makes, offline, what a cluster is founded with: keys, certificates, a node's file
    New(node::New),
    /// Shows how the node that is asked stands
    Status,
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
                Ok(())
            }
        }
    }
}
