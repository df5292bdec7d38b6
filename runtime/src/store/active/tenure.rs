//! Being the active server: the connection that writes, and the right to do so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use super::lease::{Lease, moment};
use super::row;
use crate::store::Error;
use crate::store::db::{Address, Postgres};

/// How long the active server tries to reach its database again before it ends and leaves the rest to its supervisor.
const REGAIN_MAX: Duration = Duration::from_secs(60);
/// Between two tries, at first.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// Between two tries, at last.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Signs of life in the length of a lease, when there is nothing to commit.
const BEATS: u32 = 4;

/// The time for which this server is the active one.
pub(in crate::store) struct Tenure {
    address: Address,
    connection: Postgres,
    /// The connection's process on the database's side.
    process: i64,
    epoch: i64,
    /// The count as the last commit that is known has left it.
    commits: AtomicI64,
    lease: Arc<Lease>,
    /// When the transaction that is open was begun.
    begun: AtomicI64,
    /// Whether a transaction may be open that nobody wants.
    open: AtomicBool,
}

impl Tenure {
    /// A connection as the writer needs it.
    pub(super) async fn connect(address: &Address, lease: Duration) -> Result<Postgres, Error> {
        // A server that was stopped in the middle of a transaction must not hold its rows for longer than its lease.
        let idle = format!("{}", lease.as_millis());
        let settings = [("idle_in_transaction_session_timeout", idle), ("lock_timeout", "5000".to_owned())];
        let connection = address.connect(&settings, lease).await?;
        // What is acknowledged is on the disk; a stronger setting stays.
        connection
            .plain(
                "SELECT set_config('synchronous_commit', 'on', false) \
                 WHERE current_setting('synchronous_commit') IN ('off', 'local')"
                    .to_owned(),
            )
            .await?;
        if connection.ask::<String>("SELECT current_setting('fsync')").await?.iter().any(|fsync| fsync == "off") {
            tracing::warn!("the database runs with `fsync = off`: a loss of power there loses what was acknowledged");
        }
        Ok(connection)
    }

    pub(super) async fn new(
        address: Address,
        connection: Postgres,
        epoch: i64,
        commits: i64,
        lease: Arc<Lease>,
    ) -> Result<Self, Error> {
        let process = row::own_process(&connection).await?;
        let tenure = Self {
            address,
            connection,
            process,
            epoch,
            commits: AtomicI64::new(commits),
            lease,
            begun: AtomicI64::new(0),
            open: AtomicBool::new(false),
        };
        tenure.beat().await?;
        Ok(tenure)
    }

    pub(in crate::store) fn lease(&self) -> Arc<Lease> {
        Arc::clone(&self.lease)
    }

    pub(in crate::store) fn connection(&self) -> &Postgres {
        &self.connection
    }

    /// How often there must be a commit or a sign of life.
    pub(in crate::store) fn beats_every(&self) -> Duration {
        self.lease.length() / BEATS
    }

    /// Says that this server lives.
    pub(in crate::store) async fn beat(&self) -> Result<(), Error> {
        self.begin().await?;
        self.commit().await
    }

    /// Begins a transaction, if this server is still the active one.
    pub(in crate::store) async fn begin(&self) -> Result<(), Error> {
        let asked = moment();
        if self.open.swap(true, Ordering::SeqCst) {
            self.connection.plain("ROLLBACK".to_owned()).await?;
        }
        let changed = self.connection.plain(row::begin(self.epoch)).await?;
        if changed == 0 {
            return Err(Error::Fenced);
        }
        self.begun.store(asked, Ordering::SeqCst);
        Ok(())
    }

    pub(in crate::store) async fn commit(&self) -> Result<(), Error> {
        // After a statement that failed, a COMMIT by itself takes everything back and calls that a success.
        self.connection.plain("SELECT 1; COMMIT".to_owned()).await?;
        self.open.store(false, Ordering::SeqCst);
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.lease.renew(self.begun.load(Ordering::SeqCst));
        Ok(())
    }

    /// Takes back what was not committed.
    pub(in crate::store) async fn roll_back(&self) -> Result<(), Error> {
        if self.open.swap(false, Ordering::SeqCst) {
            self.connection.plain("ROLLBACK".to_owned()).await?;
        }
        Ok(())
    }

    /// Reaches the database again after it was lost. Says whether the transaction under way then was committed after
    /// all: its answer may have been lost on the way.
    pub(in crate::store) async fn regain(&mut self) -> Result<bool, Error> {
        let until = moment().saturating_add(REGAIN_MAX.as_millis() as i64);
        let mut pause = PAUSE_MIN;
        loop {
            match self.try_again().await {
                Ok(Some(commits)) => {
                    let known = self.commits.swap(commits, Ordering::SeqCst);
                    tracing::info!("the database is back");
                    return Ok(commits > known);
                }
                Ok(None) => {}
                Err(Error::Unreachable { reason }) if moment() < until => {
                    tracing::warn!(reason, "the database cannot be reached; trying again");
                }
                Err(error) => return Err(error),
            }
            // What comes back does so in real time, whatever clock a test holds.
            drop(tokio::time::timeout(pause, std::future::pending::<()>()).await);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn try_again(&mut self) -> Result<Option<i64>, Error> {
        let connection = Self::connect(&self.address, self.lease.length()).await?;
        let mine = |row: Option<row::ActiveServer>| row.filter(|row| row.epoch == self.epoch).ok_or(Error::Fenced);
        mine(row::read(&connection).await?)?;
        if !row::lock(&connection).await? {
            // The database may not have noticed that the old connection is gone.
            if row::lock_holder(&connection).await? == Some(self.process) {
                row::end_holder(&connection).await?;
            }
            return Ok(None);
        }
        let row = mine(row::read(&connection).await?)?;
        self.process = row::own_process(&connection).await?;
        self.connection = connection;
        self.open.store(false, Ordering::SeqCst);
        Ok(Some(row.commits))
    }

    /// Ends it in order: whoever stands by need not wait.
    pub(in crate::store) async fn end(self) {
        drop(self.roll_back().await);
        if let Err(error) = self.connection.plain(row::release(self.epoch)).await {
            tracing::warn!(%error, "the next server has to wait until this one has been silent for a while");
        }
    }
}
