//! The text of a node's file, as `cluster new` writes it.

use countersign_core::base::{ClusterId, NodeId};
use data_encoding::HEXLOWER;

use super::member::Member;

/// What the file says of its node.
pub(super) struct Node {
    pub(super) node: NodeId,
    pub(super) cluster: ClusterId,
    /// The public line.
    pub(super) recovery_key: String,
    /// It names the bootstrap token.
    pub(super) founds: bool,
}

impl Node {
    /// The file of a cluster of one.
    pub(super) fn single(&self) -> String {
        format!("{}{LISTENERS}{SOURCES}", self.head())
    }

    /// The file of a node among others, of whom the first founds the cluster.
    pub(super) fn among(&self, member: &Member, members: &[Member]) -> String {
        let members: Vec<_> = members.iter().map(|it| format!("\"{it}\"")).collect();
        let peers = format!(
            r#"
# The other nodes. The first of the list founds the cluster, once all of them answer.
[peers]
listen = "0.0.0.0:{}"
certificate = "peer.pem"
key = "peer.key"
authority = "peer-ca.pem"
initial_members = [{}]
"#,
            member.port,
            members.join(", ")
        );
        format!("{}{LISTENERS}{peers}{SOURCES}", self.head())
    }

    fn head(&self) -> String {
        let Self {
            node, recovery_key, ..
        } = self;
        let cluster = HEXLOWER.encode(&self.cluster.0);
        let bootstrap = if self.founds {
            "bootstrap_token_file = \"bootstrap-token\"\n"
        } else {
            ""
        };
        format!(
            r#"# A node of Countersign. `countersign check-config` says what is wrong with it.
id = {node}
cluster = "{cluster}"
recovery_key = "{recovery_key}"
data_dir = "data"
key_file = "keys"
{bootstrap}"#
        )
    }
}

const LISTENERS: &str = r#"
[radius]
authentication = ["0.0.0.0:1812"]
accounting = ["0.0.0.0:1813"]

[admin]
listen = "127.0.0.1:8443"
certificate = "admin.pem"
key = "admin.key"

[metrics]
listen = "127.0.0.1:9464"
"#;

const SOURCES: &str = r#"
# The only hosts that may ever receive a password.
[sources]
hosts = ["login.microsoftonline.com"]
"#;
