//! Becoming the active server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use intents::canonical::Digest;

use super::lease::{Lease, moment};
use super::row::{self, ActiveServer};
use super::tenure::Tenure;
use crate::store::db::{Address, Postgres as Connection};
use crate::store::{Error, migrate};

/// A store in PostgreSQL.
#[derive(Clone)]
pub struct Postgres {
    /// `postgres://…`, with the password.
    pub url: String,
    /// How long the active server may be silent before another one takes over.
    pub lease: Duration,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("lease", &self.lease).finish_non_exhaustive()
    }
}

/// How a server stands to a database that several can reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It has not been asked yet.
    Starting,
    /// The database does not answer.
    Unreachable {
        /// What came of asking.
        reason: String,
    },
    /// Another server is active.
    StandingBy,
}

/// How often the one that stands by looks, for each length of a lease.
const LOOKS: u32 = 8;
/// It looks at least so often.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// When nobody can be active any more, and only the database has not noticed yet.
const SOON: Duration = Duration::from_millis(50);

/// Hears how things stand, and says whether to go on waiting.
pub type Tell = dyn Fn(Standing) -> bool + Send + Sync;

/// Who asks.
pub(in crate::store) struct ThisServer {
    /// The same for servers of which only one can live at a time.
    pub(in crate::store) place: String,
    /// Which keys it has.
    pub(in crate::store) keys: Digest,
}

/// Waits until this server is the active one, or is told to wait no longer.
pub(in crate::store) async fn contend(
    address: &Address,
    server: &ThisServer,
    lease: Duration,
    tell: &Tell,
) -> Result<Tenure, Error> {
    let pause = (lease / LOOKS).min(PAUSE_MAX);
    // The other server lives in real time, whatever clock a test holds.
    let mut looks = tokio::time::interval(pause);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut contender = Contender { address, server, lease, connection: None, seen: None };
    loop {
        looks.tick().await;
        match contender.look().await {
            Ok(Look::Ours(tenure)) => return Ok(*tenure),
            Ok(Look::Free) => looks.reset_after(SOON.min(pause)),
            Ok(Look::Taken) if tell(Standing::StandingBy) => {}
            Ok(Look::Taken) => return Err(Error::StandingBy),
            Err(Error::Unreachable { reason }) => {
                contender.connection = None;
                if !tell(Standing::Unreachable { reason: reason.clone() }) {
                    return Err(Error::Unreachable { reason });
                }
            }
            // Somebody holds a row for a moment.
            Err(Error::Busy) => {}
            Err(error) => return Err(error),
        }
    }
}

/// What somebody finds who would be active.
enum Look {
    /// This server is the active one now.
    Ours(Box<Tenure>),
    /// Nobody is, and the lock will be free in a moment.
    Free,
    /// Another server is.
    Taken,
}

struct Contender<'c> {
    address: &'c Address,
    server: &'c ThisServer,
    lease: Duration,
    connection: Option<Connection>,
    /// What the row said, and since when it has said just that.
    seen: Option<(ActiveServer, i64)>,
}

impl Contender<'_> {
    async fn look(&mut self) -> Result<Look, Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Tenure::connect(self.address, self.lease).await?,
        };
        let now = row::read(&connection).await?;
        if now.as_ref().is_some_and(|now| now.keys != self.server.keys.to_string()) {
            return Err(Error::OtherKeys);
        }
        if now.is_none() && row::is_moving(&connection).await? {
            return Err(Error::Conflict {
                code: "STORE_MOVE_UNFINISHED",
                reason: "a store is being moved to this database; run `steward store migrate` to its end first"
                    .to_owned(),
            });
        }
        if !self.may_take(now.as_ref()) {
            self.connection = Some(connection);
            return Ok(Look::Taken);
        }
        if !row::lock(&connection).await? {
            if now.is_some() {
                // It was silent for too long, or ended without its connection being noticed as gone.
                row::end_holder(&connection).await?;
            }
            self.connection = Some(connection);
            return Ok(if now.is_some() { Look::Free } else { Look::Taken });
        }
        // Between the look and the lock it may have gone on.
        if row::read(&connection).await? != now {
            row::unlock(&connection).await?;
            self.connection = Some(connection);
            return Ok(Look::Taken);
        }
        migrate::postgres(self.address).await?;
        let (epoch, commits) = row::take(&connection, self.server).await?;
        let lease = Arc::new(Lease::of(self.lease));
        Tenure::new(self.address.clone(), connection, epoch, commits, lease)
            .await
            .map(|tenure| Look::Ours(Box::new(tenure)))
    }

    /// Whether nobody is active any more who could still act.
    fn may_take(&mut self, now: Option<&ActiveServer>) -> bool {
        let Some(now) = now else { return true };
        if now.released || now.holder == self.server.place {
            return true;
        }
        let (seen, since) = self.seen.get_or_insert_with(|| (now.clone(), moment()));
        if seen != now {
            self.seen = Some((now.clone(), moment()));
            return false;
        }
        let silent = u64::try_from(moment() - *since).unwrap_or_default();
        Duration::from_millis(silent) >= self.lease
    }
}
