//! The service account: connections that are bound by it, a few of which are kept.
//!
//! Must not know: users' passwords. No connection on which a user was bound comes here.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, MutexGuard as TurnGuard, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::connection::{ANSWER_TIME_MIN, Connection};
use super::decision::Decisions;
use super::dialler::Dialler;
use super::lookup::Reader;
use super::refusals::Refusals;
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
    refusals: Mutex<Refusals>,
}

/// A connection of the service account, for one use.
#[derive(Debug)]
pub(super) struct Lease<'a> {
    held: Held<'a>,
    deadline: Instant,
    _place: SemaphorePermit<'a>,
}

/// Tells that a server did not answer, also when whoever asked gives up waiting.
#[derive(Debug)]
struct Held<'a> {
    dialler: &'a Dialler,
    /// `None`: it was given back.
    connection: Option<Connection>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            self.dialler.blame(connection);
        }
    }
}

impl Service {
    pub(super) fn new(account: ServiceAccount) -> Self {
        Self {
            account,
            room: Semaphore::const_new(CONNECTIONS_MAX),
            idle: Mutex::new(Vec::new()),
            turn: Turn::const_new(()),
            refusals: Mutex::default(),
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
        in_time(deadline)?;
        let connection = match self.kept() {
            Some(kept) => kept,
            None => self.bound(dialler, deadline).await?,
        };
        let connection = Some(connection);
        Ok(Lease {
            held: Held {
                dialler,
                connection,
            },
            deadline,
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
        if !matches!(came, Err(LookupError::Broken)) {
            let connection = lease.held.connection.take();
            idle.extend(connection.map(|it| (Instant::now(), it)));
        } else if lease.connection().is_at_fault() {
            // Of a server that went away without a word, each would cost a login its time.
            let server = lease.connection().server;
            idle.retain(|(_, kept)| kept.server != server);
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
        self.stand_back(dialler)?;
        let may_try = |server| self.refusals().of_server(server, Instant::now()).is_none();
        let mut connection = dialler.dial_some(may_try, deadline).await?;
        let _turn = self.turn(deadline).await?;
        self.stand_back(dialler)?;
        self.bind(dialler, &mut connection, deadline).await?;
        Ok(connection)
    }

    /// Binds a connection for an operator who looks at each server, in turn with the logins.
    pub(super) async fn examine(
        &self,
        dialler: &Dialler,
        connection: &mut Connection,
        deadline: Instant,
    ) -> Result<(), LookupError> {
        let _turn = self.turn(deadline).await?;
        if let Some(code) = self.refusals().of_operator(Instant::now()) {
            return Err(LookupError::Service(code));
        }
        self.bind(dialler, connection, deadline).await
    }

    /// For how long logins do without the account, because it is refused.
    pub(super) fn pause(&self) -> Option<Duration> {
        self.refusals().pause(Instant::now())
    }

    async fn turn(&self, deadline: Instant) -> Result<TurnGuard<'_, ()>, LookupError> {
        let turn = timeout_at(deadline, self.turn.lock()).await;
        let turn = turn.map_err(|_| LookupError::Busy)?;
        in_time(deadline)?;
        Ok(turn)
    }

    /// Binds a connection by the account.
    async fn bind(
        &self,
        dialler: &Dialler,
        connection: &mut Connection,
        deadline: Instant,
    ) -> Result<(), LookupError> {
        let ServiceAccount { name, password } = &self.account;
        let bound = connection.bind(name, password.expose(), deadline).await;
        let bound = bound.inspect_err(|_| dialler.blame(connection))?;
        let server = connection.server;
        if bound.code == 0 {
            self.refusals().taken(server);
            return Ok(());
        }
        let code = Decisions::number(&bound);
        if Decisions::is_of_server(&bound) {
            dialler.broke(server);
            tracing::debug!(code, "a server of the directory binds nobody now");
            return Err(LookupError::Broken);
        }
        self.refusals().refused(server, &bound, Instant::now());
        tracing::warn!(code, "the directory refuses the service account");
        Err(LookupError::Service(code))
    }

    /// A wrong password of the account, tried at every login, would lock the account. Where
    /// each server has something else against it, what the first one said stands for all.
    fn stand_back(&self, dialler: &Dialler) -> Result<(), LookupError> {
        let (refusals, now) = (self.refusals(), Instant::now());
        let servers = 0..dialler.servers.all().len();
        let each: Option<Vec<_>> = servers.map(|at| refusals.of_server(at, now)).collect();
        let of_all = each.and_then(|codes| codes.first().copied());
        match refusals.of_account(now).or(of_all) {
            Some(code) => Err(LookupError::Service(code)),
            None => Ok(()),
        }
    }

    fn refusals(&self) -> MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease<'_> {
    pub(super) fn reader(&mut self) -> Reader<'_> {
        self.reader_until(self.deadline)
    }

    /// For what takes longer than a login waits.
    pub(super) fn reader_until(&mut self, deadline: Instant) -> Reader<'_> {
        Reader {
            connection: self.connection(),
            deadline,
        }
    }

    fn connection(&mut self) -> &mut Connection {
        let connection = self.held.connection.as_mut();
        connection.expect("whoever gives it back gives up the lease")
    }
}

/// Nothing is asked with too little time for an answer: nobody could be blamed for that.
fn in_time(deadline: Instant) -> Result<(), LookupError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left < ANSWER_TIME_MIN {
        return Err(LookupError::Busy);
    }
    Ok(())
}

/// LIMIT: connections of the service account at one time; more wait, within their time.
const CONNECTIONS_MAX: usize = 16;
/// LIMIT: how long a connection is kept that nobody uses.
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);

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
