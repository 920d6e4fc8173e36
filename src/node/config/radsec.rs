//! The section `[radsec]`: RADIUS over TLS. Without it the node does not listen for it.

use std::net::{Ipv4Addr, SocketAddr};

use countersign_core::base::Timestamp;

use super::files::{Named, remedy};
use super::reader::{Section, Sheet};
use crate::net::radsec::examine;
use crate::tls::Files;

/// How clients reach the node over TLS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RadSec {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it shows them, and trusts them by.
    pub files: Files,
}

/// Reads the section and the files that it names; `None`: there is none, or it has faults.
pub(super) fn read<'t>(
    sheet: &mut Sheet<'t>,
    root: &mut Section<'t>,
    now: Timestamp,
) -> Option<RadSec> {
    if !root.has("radsec") {
        return None;
    }
    let mut section = sheet.section(root, "radsec");
    let listen = sheet.parsed(&mut section, "listen", "0.0.0.0:2083");
    let keys = [
        ("certificate", "radsec.pem"),
        ("key", "radsec.key"),
        ("client_ca", "radsec-client-ca.pem"),
    ];
    let named = Named::read(sheet, ("radsec", &mut section), keys);
    sheet.close(&section);
    let files = named.files()?;
    let (wrong, expires) = examine(&files, now);
    for error in &wrong {
        if let Some(remedy) = remedy(error, MADE) {
            named.tell(sheet, error.file(), error, remedy);
        }
    }
    if let Some(expires) = expires.filter(|_| wrong.is_empty()) {
        named.tell_expiry(sheet, expires, now);
    }
    Some(RadSec {
        listen: listen.map_or_else(
            || SocketAddr::from((Ipv4Addr::UNSPECIFIED, RADSEC_PORT)),
            |(_, at)| at,
        ),
        files,
    })
}

const MADE: &str = "take a file in PEM, as your authority for RadSec makes it";
/// RFC 6614 §2.1.
const RADSEC_PORT: u16 = 2083;
