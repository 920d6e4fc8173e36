//! The service account: connections that are bound by it, a few of which are kept.
//!
//! Must not know: users' passwords. No connection on which a user was bound comes here.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::connection::Connection;
use super::decision::Decisions;
use super::dialler::Dialler;
use super::lookup::Reader;
use super::settings::ServiceAccount;
use crate::sources::account::LookupError;

/// The account, and its connections.
#[derive(Debug)]
pub(super) struct Service {
    account: ServiceAccount,
    room: Semaphore,
    idle: Mutex<Vec<(Instant, Connection)>>,
    /// To bind: of many that come at once, only the first may try a password that is wrong.
    turn: Turn<()>,
    /// By what and when the directory refused the account.
    refused: Mutex<Option<(Instant, u32)>>,
}

/// A connection of the service account, for one use.
#[derive(Debug)]
pub(super) struct Lease<'a> {
    connection: Connection,
    deadline: Instant,
    watch: Watch<'a>,
    _place: SemaphorePermit<'a>,
}

/// Tells that a server did not answer when whoever asked gives up waiting.
#[derive(Debug)]
struct Watch<'a> {
    dialler: &'a Dialler,
    /// None: it has answered.
    server: Option<usize>,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(server) = self.server {
            self.dialler.broke(server);
        }
    }
}

impl Service {
    pub(super) const fn new(account: ServiceAccount) -> Self {
        Self {
            account,
            room: Semaphore::const_new(CONNECTIONS_MAX),
            idle: Mutex::new(Vec::new()),
            turn: Turn::const_new(()),
            refused: Mutex::new(None),
        }
    }

    /// A connection that is bound: one that was kept, or a new one.
    pub(super) async fn lease<'a>(
        &'a self,
        dialler: &'a Dialler,
        deadline: Instant,
    ) -> Result<Lease<'a>, LookupError> {
        let place = timeout_at(deadline, self.room.acquire()).await;
        let Ok(Ok(place)) = place else {
            return Err(LookupError::Busy);
        };
        let connection = match self.kept() {
            Some(kept) => kept,
            None => self.bound(dialler, deadline).await?,
        };
        let watch = Watch {
            dialler,
            server: Some(connection.server),
        };
        Ok(Lease {
            connection,
            deadline,
            watch,
            _place: place,
        })
    }

    /// Keeps the connection for another use, unless what came of this one is that it broke.
    pub(super) fn keep_unless_broken<T>(
        &self,
        mut lease: Lease<'_>,
        came: Result<T, LookupError>,
    ) -> Result<T, LookupError> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(came, Err(LookupError::Broken)) {
            // Of a server that went away without a word, each would cost a login its time.
            idle.retain(|(_, kept)| kept.server != lease.connection.server);
        } else {
            lease.watch.server = None;
            idle.push((Instant::now(), lease.connection));
        }
        came
    }

    fn kept(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(since, _)| since.elapsed() < IDLE_TIME_MAX);
        // A directory closes what it has not heard of for long; it is not asked then.
        std::iter::from_fn(|| idle.pop())
            .map(|(_, connection)| connection)
            .find_map(|mut connection| connection.is_quiet().then_some(connection))
    }

    async fn bound(&self, dialler: &Dialler, deadline: Instant) -> Result<Connection, LookupError> {
        self.stand_back()?;
        let mut connection = dialler.dial(deadline).await?;
        let turn = timeout_at(deadline, self.turn.lock()).await;
        let _turn = turn.map_err(|_| LookupError::Busy)?;
        self.stand_back()?;
        let bound = self.bind(&mut connection, deadline).await;
        if matches!(bound, Err(LookupError::Broken)) {
            dialler.broke(connection.server);
        }
        bound.map(|()| connection)
    }

    /// Binds a connection by the account.
    pub(super) async fn bind(
        &self,
        connection: &mut Connection,
        deadline: Instant,
    ) -> Result<(), LookupError> {
        let ServiceAccount { name, password } = &self.account;
        let bound = connection.bind(name, password.expose(), deadline).await?;
        if bound.code == 0 {
            *self.refusal() = None;
            return Ok(());
        }
        let code = Decisions::number(&bound);
        if Decisions::is_of_server(&bound) {
            tracing::debug!(code, "a server of the directory binds nobody now");
            return Err(LookupError::Broken);
        }
        *self.refusal() = Some((Instant::now(), code));
        tracing::warn!(code, "the directory refuses the service account");
        Err(LookupError::Service(code))
    }

    /// A wrong password of the account, tried at every login, would lock the account.
    fn stand_back(&self) -> Result<(), LookupError> {
        match *self.refusal() {
            Some((at, code)) if at.elapsed() < REFUSED_PAUSE => Err(LookupError::Service(code)),
            _ => Ok(()),
        }
    }

    fn refusal(&self) -> std::sync::MutexGuard<'_, Option<(Instant, u32)>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease<'_> {
    /// Closes the connection: it has been answered on, and is of no use to others.
    pub(super) fn close(mut self) {
        self.watch.server = None;
    }

    pub(super) fn reader(&mut self) -> Reader<'_> {
        Reader {
            connection: &mut self.connection,
            deadline: self.deadline,
        }
    }

    /// For what takes longer than a login waits.
    pub(super) fn reader_until(&mut self, deadline: Instant) -> Reader<'_> {
        Reader {
            connection: &mut self.connection,
            deadline,
        }
    }
}

/// LIMIT: connections of the service account at one time; more wait, within their time.
const CONNECTIONS_MAX: usize = 16;
/// LIMIT: how long a connection is kept that nobody uses.
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);
/// How long a refused account is not tried again: Active Directory forgets failures after
/// half an hour at the latest, and counts some ten before it locks.
const REFUSED_PAUSE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use countersign_core::base::Secret;
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_kept_connection_is_used_only_while_nothing_has_come_on_it() {
        let service = Service::new(ServiceAccount {
            name: "svc".to_owned(),
            password: Secret::from("pa55".to_owned()),
        });
        let keep = |connection| {
            let mut idle = service.idle.lock().unwrap();
            idle.push((Instant::now(), Connection::new(Box::new(connection), None)));
        };
        let (ours, _quiet) = duplex(64);
        keep(ours);
        let (ours, mut talking) = duplex(64);
        talking.write_all(&[0x30]).await.unwrap();
        keep(ours);
        let (ours, closed) = duplex(64);
        drop(closed);
        keep(ours);
        assert!(service.kept().is_some());
        assert!(service.kept().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_not_kept_for_ever() {
        let service = Service::new(ServiceAccount {
            name: "svc".to_owned(),
            password: Secret::from("pa55".to_owned()),
        });
        let (ours, _quiet) = duplex(64);
        let kept = Connection::new(Box::new(ours), None);
        service.idle.lock().unwrap().push((Instant::now(), kept));
        tokio::time::advance(IDLE_TIME_MAX).await;
        assert!(service.kept().is_none());
    }
}
