//! Takes renewed certificates of the peers' links and of RadSec into force, without a restart.
//!
//! Looks at the files now and then: that works on every file system, and with the swapped
//! links by which Kubernetes replaces mounted secrets.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::{Operations, Timestamp};

use super::follow::chain;
use super::system::SystemClock;
use crate::login::Clock;
use crate::net::radsec;
use crate::peers;
use crate::tls::{BoxError, Files};

/// Credentials that can be read again.
pub(super) trait Renewable: Send + Sync + 'static {
    /// What they are for, as metrics and the log name it.
    const USE: &'static str;

    /// Where they are read from.
    fn files(&self) -> &Files;

    /// Says what time it is, and reads them again if that is asked for. What cannot be used
    /// leaves those of before in force.
    fn renew(&self, now: Timestamp, changed: bool) -> Result<(), BoxError>;

    /// When the certificate ends.
    fn expires(&self) -> Timestamp;
}

macro_rules! renewable {
    ($credentials:ty, $of:literal) => {
        impl Renewable for $credentials {
            const USE: &'static str = $of;

            fn files(&self) -> &Files {
                Self::files(self)
            }

            fn renew(&self, now: Timestamp, changed: bool) -> Result<(), BoxError> {
                self.pass(now);
                if changed {
                    self.reload(now)?;
                }
                Ok(())
            }

            fn expires(&self) -> Timestamp {
                Self::expires(self)
            }
        }
    };
}

renewable!(peers::Credentials, "peers");
renewable!(radsec::Credentials, "radsec");

/// Looks for renewed files for as long as the task lives.
pub(super) async fn renew<C: Renewable>(credentials: Arc<C>, operations: Arc<dyn Operations>) {
    let mut watch = Watch::new(credentials, operations);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        watch.look(SystemClock.wall());
    }
}

/// The files as they were when they were last good.
struct Watch<C> {
    credentials: Arc<C>,
    operations: Arc<dyn Operations>,
    seen: [Option<Mark>; 3],
}

/// What changes with a file, also when a link to it is swapped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Mark {
    device: u64,
    inode: u64,
    octets: u64,
    modified: (i64, i64),
}

/// What a look has found.
#[derive(Debug, Eq, PartialEq)]
enum Look {
    Same,
    Renewed,
    Refused,
}

impl<C: Renewable> Watch<C> {
    /// Nothing is taken for seen: the files may have been renewed since they were loaded.
    fn new(credentials: Arc<C>, operations: Arc<dyn Operations>) -> Self {
        let watch = Self {
            credentials,
            operations,
            seen: [None; 3],
        };
        watch.tell_expiry();
        watch
    }

    /// What cannot be used leaves what was in force, and is tried again at the next look:
    /// key and certificate are rarely renewed in the same instant.
    fn look(&mut self, now: Timestamp) -> Look {
        let files = self.credentials.files();
        // Before they are read: what changes meanwhile is seen the next time.
        let marks = [&files.certificate, &files.key, &files.authority].map(|path| mark(path).ok());
        let changed = marks != self.seen || marks.iter().any(Option::is_none);
        if let Err(error) = self.credentials.renew(now, changed) {
            self.operations.count("certificate_reloads", "refused");
            let error = chain(&*error);
            tracing::error!(error, of = C::USE, "renewed certificates are not taken");
            return Look::Refused;
        }
        if !changed {
            return Look::Same;
        }
        self.seen = marks;
        self.operations.count("certificate_reloads", "taken");
        self.tell_expiry();
        tracing::info!(
            expires = %self.credentials.expires(), of = C::USE, "certificates are in force"
        );
        Look::Renewed
    }

    fn tell_expiry(&self) {
        let seconds = self.credentials.expires().as_secs();
        let level = "certificate_expires_seconds";
        self.operations.level(level, C::USE, seconds);
    }
}

fn mark(path: &Path) -> io::Result<Mark> {
    let file = fs::metadata(path)?;
    Ok(Mark {
        device: file.dev(),
        inode: file.ino(),
        octets: file.size(),
        modified: (file.mtime(), file.mtime_nsec()),
    })
}

const LOOK_EVERY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
