//! RadSec in the demo: an authority of its own, which signs the nodes and both clients.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use countersign::login::Clock;
use countersign::node::{Authority, ServerCertificate, SystemClock};

use super::contract::{Identity, RadSec};
use super::node::write_private;
use super::ports::Ports;

/// The authority. Its key is kept nowhere.
pub(super) struct Signer {
    authority: Authority,
    /// The certificate files of the clients.
    pub(super) told: RadSec,
}

impl Signer {
    /// Makes it, and a certificate for each client, below `dir`.
    pub(super) fn make(dir: &Path) -> anyhow::Result<Self> {
        let folder = dir.join("radsec");
        fs::create_dir_all(&folder)?;
        let authority = Authority::new("Countersign demo RadSec", SystemClock.wall())?;
        let ca_file = folder.join("ca.pem");
        fs::write(&ca_file, authority.certificate())?;
        let client = |client: &str| {
            let name = certificate_name(client);
            let made = authority.client(&[&name])?;
            let (certificate, key) = write(&folder, client, &made)?;
            anyhow::Ok(Identity {
                certificate,
                key,
                name,
            })
        };
        let told = RadSec {
            ca_file,
            vpn: client("vpn")?,
            proxy: client("proxy")?,
        };
        Ok(Self { authority, told })
    }

    /// Makes a node's certificate in its folder; the section of its file that names it.
    pub(super) fn section(&self, folder: &Path, ports: &Ports) -> anyhow::Result<String> {
        let made = self.authority.server(&["localhost", "127.0.0.1"])?;
        write(folder, "radsec", &made)?;
        fs::write(folder.join("radsec-ca.pem"), self.authority.certificate())?;
        Ok(format!(
            r#"
[radsec]
listen = "{}"
certificate = "radsec.pem"
key = "radsec.key"
client_ca = "radsec-ca.pem"
"#,
            ports.radsec
        ))
    }
}

/// The name in the certificate of a client.
pub(super) fn certificate_name(client: &str) -> String {
    format!("{client}.contoso.example")
}

fn write(
    folder: &Path,
    name: &str,
    made: &ServerCertificate,
) -> anyhow::Result<(PathBuf, PathBuf)> {
    let certificate = folder.join(format!("{name}.pem"));
    let key = folder.join(format!("{name}.key"));
    fs::write(&certificate, &made.chain)?;
    write_private(&key, made.key.expose())
        .with_context(|| format!("{} cannot be written", key.display()))?;
    Ok((certificate, key))
}
