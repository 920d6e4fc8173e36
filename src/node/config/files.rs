//! Certificate, key and authority of a section, and what is wrong with them.

use std::path::PathBuf;
use std::time::Duration;

use countersign_core::base::Timestamp;

use super::reader::{At, Section, Sheet};
use crate::tls::{FileError, Files};

/// The files that a section names; one that is missing was told.
pub(super) struct Named {
    section: &'static str,
    certificate: File,
    key: File,
    authority: File,
}

type File = Option<(At, PathBuf)>;

impl Named {
    /// Reads the keys of a section, each with what may stand there.
    pub(super) fn read<'t>(
        sheet: &mut Sheet<'t>,
        (name, section): (&'static str, &mut Section<'t>),
        [certificate, key, authority]: [(&'static str, &str); 3],
    ) -> Self {
        let mut file = |(key, example)| {
            let found = sheet.file(section, key);
            if found.is_none() {
                sheet.missing(section, key, example);
            }
            found
        };
        Self {
            section: name,
            certificate: file(certificate),
            key: file(key),
            authority: file(authority),
        }
    }

    /// All of them, if all are named.
    pub(super) fn files(&self) -> Option<Files> {
        let path = |file: &File| file.as_ref().map(|(_, path)| path.clone());
        Some(Files {
            certificate: path(&self.certificate)?,
            key: path(&self.key)?,
            authority: path(&self.authority)?,
        })
    }

    /// Tells when the certificate ends, where that is soon.
    pub(super) fn tell_expiry(&self, sheet: &mut Sheet<'_>, expires: Timestamp, now: Timestamp) {
        if let Some((at, _)) = &self.certificate
            && expires < now.plus(EXPIRY_WARNING)
        {
            let days = expires.since(now).as_secs() / (24 * 3600);
            let what = format!("ends in {days} day(s)");
            sheet.advise(at, what, "put a new one in its place; no restart is needed");
        }
    }

    /// Tells what is wrong with a file, where that is named.
    pub(super) fn tell(
        &self,
        sheet: &mut Sheet<'_>,
        file: Option<&std::path::Path>,
        error: &dyn std::error::Error,
        remedy: &'static str,
    ) {
        let places = [&self.certificate, &self.key, &self.authority];
        let mut places = places.iter().filter_map(|place| place.as_ref());
        let at = places.find(|(_, path)| file == Some(path));
        let at = at.map_or_else(|| At::nowhere(self.section), |(at, _)| at.clone());
        sheet.fault(&at, chain(error), remedy);
    }
}

/// What is to be done about a file that cannot be used; none: it was told already, when its
/// path was read. `made`: where a good one is to be had.
pub(super) fn remedy(error: &FileError, made: &'static str) -> Option<&'static str> {
    match error {
        FileError::Key(..) => Some("take the key that was made with the certificate"),
        FileError::Stranger(..) => Some("take certificate and authority of the same cluster"),
        FileError::Expired(_) => Some("renew it, or mend the clock"),
        FileError::NotYetValid(_) => Some("mend the clock"),
        FileError::Authority(..) | FileError::Empty(..) | FileError::Tls(_) => Some(made),
        FileError::Unreadable(..) => None,
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}

const EXPIRY_WARNING: Duration = Duration::from_secs(30 * 24 * 3600);
