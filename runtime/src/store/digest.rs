//! What happened between two times, in the few figures and lines that a digest has.

use intents::Timestamp;
use intents::effect::State;
use intents::run::Phase;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::db::Queries;
use super::notice::{Notice, view};
use super::rows::{automation, effect, notice, run};
use super::{Error, Store};

/// Lines of a digest; who has more reads the rest in the inbox.
const LINES_MAX: u64 = 200;

/// The runs of one automation that ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunsOf {
    /// The automation's title.
    pub title: String,
    /// How many succeeded.
    pub succeeded: i64,
    /// How many failed.
    pub failed: i64,
    /// How many were stopped.
    pub stopped: i64,
}

/// A line that some part of Steward, or an automation, wants told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestLine {
    /// `info`, `warn` or `urgent`.
    pub level: String,
    /// The headline.
    pub title: String,
    /// What it says.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// The runs that ended from one time to before another, by automation.
    pub async fn digest_runs(&self, from: Timestamp, until: Timestamp) -> Result<Vec<RunsOf>, Error> {
        let counts = run::Entity::find()
            .select_only()
            .column(run::Column::AutomationId)
            .column(run::Column::Phase)
            .column_as(run::Column::Id.count(), "count")
            .filter(run::Column::EndedAt.gte(from.as_millis()))
            .filter(run::Column::EndedAt.lt(until.as_millis()))
            .group_by(run::Column::AutomationId)
            .group_by(run::Column::Phase);
        let counts: Vec<(String, String, i64)> = self.reader().at_length().tuples(counts).await?;
        let mut all: std::collections::BTreeMap<String, RunsOf> = std::collections::BTreeMap::new();
        for (automation, phase, count) in counts {
            let of = all.entry(automation).or_default();
            let phase: Phase = phase.parse().map_err(|error| Error::unreadable("phase", error))?;
            match phase {
                Phase::Succeeded => of.succeeded += count,
                Phase::Failed => of.failed += count,
                Phase::Stopped => of.stopped += count,
                // What was left out, and what goes on, is nothing that a day is judged by.
                Phase::Skipped | Phase::Queued | Phase::Running | Phase::Waiting => {}
            }
        }
        let titles = automation::Entity::find().filter(automation::Column::Id.is_in(all.keys().cloned()));
        for automation in self.reader().all(titles).await? {
            if let Some(of) = all.get_mut(&automation.id) {
                of.title = automation.title;
            }
        }
        Ok(all.into_values().filter(|of| of.succeeded + of.failed + of.stopped > 0).collect())
    }

    /// How many effects happened from one time to before another.
    pub async fn digest_effects(&self, from: Timestamp, until: Timestamp) -> Result<u64, Error> {
        let happened = effect::Entity::find()
            .filter(effect::Column::State.eq(State::Applied.as_str()))
            .filter(effect::Column::SettledAt.gte(from.as_millis()))
            .filter(effect::Column::SettledAt.lt(until.as_millis()));
        self.reader().at_length().count(happened).await
    }

    /// What there is to tell from one time to before another, oldest first: every notice, whoever wrote it.
    pub async fn digest_lines(&self, from: Timestamp, until: Timestamp) -> Result<Vec<DigestLine>, Error> {
        let notices = notice::Entity::find()
            .filter(notice::Column::CreatedAt.gte(from.as_millis()))
            .filter(notice::Column::CreatedAt.lt(until.as_millis()))
            .order_by_asc(notice::Column::Id)
            .limit(LINES_MAX);
        let line = |notice: Notice| DigestLine {
            level: notice.level,
            title: notice.title,
            text: notice.text,
            at: notice.created_at,
        };
        let rows = self.reader().all(notices).await?;
        rows.into_iter().map(|row| view(self.shared(), row).map(line)).collect()
    }

    /// Notices of a level other than `info` that came after one and not before a time, oldest first.
    pub async fn loud_notices(&self, after: Option<&str>, since: Timestamp, most: u64) -> Result<Vec<Notice>, Error> {
        let mut query = notice::Entity::find()
            .filter(notice::Column::Level.ne("info"))
            .filter(notice::Column::CreatedAt.gte(since.as_millis()))
            .order_by_asc(notice::Column::Id)
            .limit(most);
        if let Some(after) = after {
            query = query.filter(notice::Column::Id.gt(after));
        }
        self.reader().all(query).await?.into_iter().map(|row| view(self.shared(), row)).collect()
    }

    /// Notices by their ids, oldest first; those that are gone are left out.
    pub async fn notices_of(&self, ids: &[String]) -> Result<Vec<Notice>, Error> {
        let query = notice::Entity::find().filter(notice::Column::Id.is_in(ids)).order_by_asc(notice::Column::Id);
        self.reader().all(query).await?.into_iter().map(|row| view(self.shared(), row)).collect()
    }
}
