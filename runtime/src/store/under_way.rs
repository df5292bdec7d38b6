//! Runs under way, as memory knows them.
//!
//! While an attempt is alive, the row of its run stays as it is, and how far the run has come is held here: each commit
//! adds to the journal, whose segments say where the attempt stood. What is held here is never ahead of the disk. After
//! a crash it is found again in the journal.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use intents::id::{ItemId, RunId};
use intents::run::Phase;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, JoinType, QueryFilter, QueryOrder, QuerySelect};

use super::Error;
use super::db::{Queries, Reader};
use super::inbox::Item;
use super::payload::PayloadKey;
use super::rows::{run as row, segment};

/// Runs that wait for their turn and are kept with what came with them, so that nobody has to read them: as many as are
/// carried out within a few seconds. Others are read when it is their turn.
const WAITING_KEPT_MAX: usize = 4096;

/// What is known of a run.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) row: row::Model,
    /// What its journal is sealed under, once somebody needed it.
    pub(super) key: Option<PayloadKey>,
    /// What came with it, until its attempt has taken it.
    pub(super) item: Option<Arc<Item>>,
    /// Whether nobody has been told that it has begun.
    pub(super) start_untold: bool,
}

impl Known {
    /// Whether the row in the database does not have all of this.
    fn is_ahead(&self) -> bool {
        self.row.phase == Phase::Running.as_str()
    }
}

/// The runs that memory knows better than the database, and those that came a moment ago.
#[derive(Default)]
pub(super) struct UnderWay(Mutex<HashMap<RunId, Known>>);

impl UnderWay {
    fn runs(&self) -> MutexGuard<'_, HashMap<RunId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run as it stands, unless its row says it all.
    pub(super) fn row(&self, id: RunId) -> Option<row::Model> {
        self.runs().get(&id).map(|known| known.row.clone())
    }

    /// The runs that have an attempt.
    pub(super) fn running(&self) -> Vec<row::Model> {
        self.runs().values().filter(|known| known.is_ahead()).map(|known| known.row.clone()).collect()
    }

    /// The key of an item, if it is that of the run that came with it.
    pub(super) fn key_of_item(&self, item: ItemId) -> Option<PayloadKey> {
        self.key_of_run(RunId::from_ulid(item.ulid()))
    }

    /// The key of a run's journal.
    pub(super) fn key_of_run(&self, run: RunId) -> Option<PayloadKey> {
        self.runs().get(&run).and_then(|known| known.key.clone())
    }

    /// Whether the run has begun and nobody has been told.
    pub(super) fn is_start_untold(&self, run: RunId) -> bool {
        self.runs().get(&run).is_some_and(|known| known.start_untold)
    }

    /// Takes what came with a run, with its row: only one attempt needs it.
    pub(super) fn take_item(&self, run: RunId) -> Option<(row::Model, Arc<Item>)> {
        let mut runs = self.runs();
        let known = runs.get_mut(&run)?;
        known.item.take().map(|item| (known.row.clone(), item))
    }

    /// Remembers a run as a commit has left it.
    pub(super) fn remember(&self, id: RunId, known: Known) {
        let mut runs = self.runs();
        let phase: Result<Phase, _> = known.row.phase.parse();
        match phase {
            Ok(Phase::Running) => {
                runs.insert(id, known);
            }
            Ok(Phase::Queued) if known.item.is_some() && runs.len() < WAITING_KEPT_MAX => {
                runs.insert(id, known);
            }
            // Its row says it all.
            Ok(Phase::Queued | Phase::Waiting | Phase::Succeeded | Phase::Failed | Phase::Stopped | Phase::Skipped)
            | Err(_) => {
                runs.remove(&id);
            }
        }
    }
}

/// A segment without its records: whose it is, its place, its length, and how far the run had come.
type Told = (String, i64, i64, i64, i64, i64, i64, i64);

impl UnderWay {
    /// Finds the runs again that had an attempt when the last server ended: their journals are ahead of their rows.
    pub(super) async fn find_again(reader: &Reader) -> Result<Self, Error> {
        let segments: Vec<Told> = reader
            .tuples(
                segment::Entity::find()
                    .select_only()
                    .column(segment::Column::RunId)
                    .column(segment::Column::Segment)
                    .column_as(Expr::cust("length(records)"), "bytes")
                    .column(segment::Column::Attempt)
                    .column(segment::Column::Calls)
                    .column(segment::Column::Effects)
                    .column(segment::Column::Suppressed)
                    .column(segment::Column::At)
                    .join(JoinType::InnerJoin, run_of_segment())
                    // The condition of an index, as a database recognises it.
                    .filter(Expr::cust("runs.phase IN ('queued', 'running', 'waiting')"))
                    .filter(row::Column::Phase.ne(Phase::Waiting.as_str()))
                    .filter(
                        Expr::col((segment::Entity, segment::Column::Generation))
                            .eq(Expr::col((row::Entity, row::Column::Generation))),
                    )
                    .filter(
                        Expr::col((segment::Entity, segment::Column::Segment))
                            .gte(Expr::col((row::Entity, row::Column::Segments))),
                    )
                    .order_by_asc(segment::Column::RunId)
                    .order_by_asc(segment::Column::Segment),
            )
            .await?;
        let found = Self::default();
        for told in segments.chunk_by(|one, next| one.0 == next.0) {
            let id = super::run::parse(&told[0].0)?;
            let run = reader.one(row::Entity::find_by_id(id.to_string())).await?;
            let mut row = run.ok_or_else(|| Error::NotFound { what: "run", which: id.to_string() })?;
            let start_untold = row.started_at.is_none();
            for (_, segment, bytes, attempt, calls, effects, suppressed, at) in told {
                row.segments = segment + 1;
                row.journal_bytes += bytes;
                row.attempts = *attempt;
                (row.calls, row.effects, row.suppressed) = (*calls, *effects, *suppressed);
                row.started_at.get_or_insert(*at);
            }
            row.phase = Phase::Running.as_str().to_owned();
            found.remember(id, Known { row, key: None, item: None, start_untold });
        }
        Ok(found)
    }
}

fn run_of_segment() -> sea_orm::RelationDef {
    segment::Entity::belongs_to(row::Entity).from(segment::Column::RunId).to(row::Column::Id).into()
}
