//! Golden runs: recorded cases with the effects that they must lead to, whatever version executes them.
//!
//! Their bodies are sealed, since they hold what the runs read. They stay until a person removes them, their content is
//! erased, or newer ones take their place.

use std::fmt;
use std::str::FromStr;

use intents::Timestamp;
use intents::canonical::{self, Digest};
use intents::id::{AutomationId, GoldenId, RunId};
use intents::need::{Choice, Kind as NeedKind};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};

use super::batch::Batch;
use super::db::Queries;
use super::rows::{automation, golden as row, need as need_row};
use super::writer::Command;
use super::{Error, Mode, NeedStatus, NewNeed, Store, need};

/// Golden runs of one automation: each is replayed after every upgrade, before anything runs.
pub(super) const GOLDENS_MAX: usize = 50;
/// A longer body is no case that could be replayed in any time.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What is said of a difference is cut there.
const WORDS_BYTES_MAX: usize = 1000;

/// Where a golden run comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GoldenKind {
    /// A person keeps a run that went well.
    Kept,
    /// A bundle from elsewhere.
    Import,
    /// A run as a repair brought it to its end.
    Repair,
    /// A run that failed once, and must not fail like that again.
    Failure,
}

impl GoldenKind {
    /// Every kind. Where there are too many, those of the first kind go first.
    pub const ALL: [Self; 4] = [Self::Kept, Self::Import, Self::Repair, Self::Failure];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Import => "import",
            Self::Repair => "repair",
            Self::Failure => "failure",
        }
    }
}

impl fmt::Display for GoldenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for GoldenKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| Error::unreadable("golden run", format!("`{text}` is no kind")))
    }
}

/// What a check of a golden run found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoldenVerdict {
    /// It leads to the same effects.
    Verified,
    /// It leads to others, or does not come to its end.
    Differs,
    /// It asks for something that was not recorded, so nothing can be said.
    Incomparable,
}

impl GoldenVerdict {
    /// Every verdict.
    pub const ALL: [Self; 3] = [Self::Verified, Self::Differs, Self::Incomparable];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Differs => "differs",
            Self::Incomparable => "incomparable",
        }
    }
}

impl FromStr for GoldenVerdict {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|verdict| verdict.as_str() == text);
        known.ok_or_else(|| Error::unreadable("golden run", format!("`{text}` is no verdict")))
    }
}

/// A golden run about to be kept. The same run under the same kind is kept once.
#[derive(Debug, Clone, PartialEq)]
pub struct NewGolden {
    /// Whose it is.
    pub automation: AutomationId,
    /// The run that it was; none for one from elsewhere.
    pub run: Option<RunId>,
    /// Where it comes from.
    pub kind: GoldenKind,
    /// The case with its effects.
    pub body: Value,
    /// What a check just now found, and with what; none where nobody checked.
    pub checked: Option<(GoldenVerdict, String)>,
    /// Who keeps it.
    pub by: String,
}

/// A golden run.
#[derive(Debug, Clone, PartialEq)]
pub struct Golden {
    /// Its id.
    pub id: GoldenId,
    /// Whose it is.
    pub automation: AutomationId,
    /// The run that it was.
    pub run: Option<RunId>,
    /// Where it comes from.
    pub kind: GoldenKind,
    /// The case with its effects.
    pub body: Value,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was checked last.
    pub checked_at: Option<Timestamp>,
    /// What that found.
    pub verdict: Option<GoldenVerdict>,
    /// The same in words, where there is something to say.
    pub words: Option<String>,
    /// What it was checked with.
    pub pins: Option<String>,
}

/// What a check of one golden run found.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The golden run.
    pub golden: GoldenId,
    /// What was found.
    pub verdict: GoldenVerdict,
    /// The difference in words; empty where there is none.
    pub words: String,
    /// What it was checked with.
    pub pins: String,
}

/// An automation that is not to run before a person has looked at what it would do now.
#[derive(Debug, Clone, PartialEq)]
pub struct Upset {
    /// The automation.
    pub automation: AutomationId,
    /// What the person is asked.
    pub title: String,
    /// What is known.
    pub evidence: Value,
}

fn domain(store: &Store, row: row::Model) -> Result<Golden, Error> {
    let unreadable = |error: &dyn fmt::Display| Error::unreadable("golden run", error.to_string());
    let body = store.shared().payload.open_value("golden run", &row.id, &row.body)?;
    Ok(Golden {
        id: row.id.parse().map_err(|error| unreadable(&error))?,
        automation: row.automation_id.parse().map_err(|error| unreadable(&error))?,
        run: row.run_id.map(|run| run.parse()).transpose().map_err(|error| unreadable(&error))?,
        kind: row.kind.parse()?,
        body,
        created_at: Timestamp::from_millis(row.created_at),
        checked_at: row.last_checked_at.map(Timestamp::from_millis),
        verdict: row.last_verdict.map(|verdict| verdict.parse()).transpose()?,
        words: row.last_words,
        pins: row.last_pins,
    })
}

fn cut(words: &str) -> Option<String> {
    let cut = &words[..words.floor_char_boundary(WORDS_BYTES_MAX)];
    (!cut.is_empty()).then(|| cut.to_owned())
}

struct Keep(NewGolden);

impl Command for Keep {
    type Reply = GoldenId;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<GoldenId, Error> {
        keep(batch, &self.0).await
    }
}

/// Keeps a golden run.
pub(super) async fn keep(batch: &mut Batch<'_>, new: &NewGolden) -> Result<GoldenId, Error> {
    let parse = |id: &str| id.parse().map_err(|error| Error::unreadable("golden run", error));
    let bytes = canonical::to_string(&new.body);
    if bytes.len() > BODY_BYTES_MAX {
        let reason = format!("a golden run takes {BODY_BYTES_MAX} bytes at most, and this has {}", bytes.len());
        return Err(Error::Conflict { code: "GOLDEN_TOO_LARGE", reason });
    }
    let digest = Digest::of(bytes.as_bytes()).as_bytes().to_vec();
    let mine = row::Entity::find().filter(row::Column::AutomationId.eq(new.automation.to_string()));
    let of_kind = mine.clone().filter(row::Column::Kind.eq(new.kind.as_str()));
    let same = match new.run {
        Some(run) => of_kind.filter(row::Column::RunId.eq(run.to_string())),
        None => of_kind.filter(row::Column::RunId.is_null()).filter(row::Column::Digest.eq(digest.clone())),
    };
    if let Some(known) = batch.tx.one(same).await? {
        return parse(&known.id);
    }
    // One more is coming.
    let mut all = batch.tx.all(mine.order_by_asc(row::Column::Id)).await?;
    for kind in GoldenKind::ALL {
        while all.len() >= GOLDENS_MAX {
            let Some(oldest) = all.iter().position(|golden| golden.kind == kind.as_str()) else { break };
            let oldest = all.remove(oldest);
            batch.tx.change(row::Entity::delete_many().filter(row::Column::Id.eq(oldest.id))).await?;
        }
    }
    let id = batch.shared.env.golden_id();
    let (verdict, pins) = new.checked.clone().unzip();
    let model = row::Model {
        id: id.to_string(),
        automation_id: new.automation.to_string(),
        run_id: new.run.map(|run| run.to_string()),
        kind: new.kind.as_str().to_owned(),
        digest,
        body: batch.shared.payload.seal_value(&batch.shared.env, &id.to_string(), &new.body),
        created_at: batch.now.as_millis(),
        last_checked_at: verdict.map(|_| batch.now.as_millis()),
        last_verdict: verdict.map(|verdict: GoldenVerdict| verdict.as_str().to_owned()),
        last_words: None,
        last_pins: pins,
    };
    batch.tx.insert(&model).await?;
    let data = json!({ "golden": model.id, "kind": model.kind, "run": model.run_id });
    batch.automation_event("golden.kept", new.automation, &new.by, data).await?;
    Ok(id)
}

struct Remove {
    id: GoldenId,
    by: String,
}

impl Command for Remove {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let missing = || Error::NotFound { what: "golden run", which: self.id.to_string() };
        let known = batch.tx.one(row::Entity::find_by_id(self.id.to_string())).await?.ok_or_else(missing)?;
        batch.tx.change(row::Entity::delete_many().filter(row::Column::Id.eq(known.id.clone()))).await?;
        let automation = known.automation_id.parse().map_err(|error| Error::unreadable("golden run", error))?;
        batch.automation_event("golden.removed", automation, &self.by, json!({ "golden": known.id })).await
    }
}

/// Notes what checks found. An automation that is upset is paused and asked about in the same commit, so that a check
/// that dies half-way is either done or not.
struct Note {
    checked: Vec<Checked>,
    upset: Option<Upset>,
}

impl Command for Note {
    type Reply = ();

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        for checked in &self.checked {
            let noted = row::Entity::update_many()
                .col_expr(row::Column::LastCheckedAt, Expr::value(batch.now.as_millis()))
                .col_expr(row::Column::LastVerdict, Expr::value(checked.verdict.as_str()))
                .col_expr(row::Column::LastWords, Expr::value(cut(&checked.words)))
                .col_expr(row::Column::LastPins, Expr::value(checked.pins.clone()))
                .filter(row::Column::Id.eq(checked.golden.to_string()));
            batch.tx.change(noted).await?;
        }
        let Some(upset) = &self.upset else { return Ok(()) };
        let found = batch.tx.one(automation::Entity::find_by_id(upset.automation.to_string())).await?;
        let Some(mut found) = found else { return Ok(()) };
        let before: Mode = found.mode.parse()?;
        if before.works() {
            found.mode = Mode::Paused.as_str().to_owned();
            found.updated_at = batch.now.as_millis();
            batch.tx.update(&found).await?;
            batch.automation_changed(upset.automation);
            let data = json!({ "automation": found.id, "from": before.as_str(), "to": "paused" });
            batch.automation_event("automation.paused", upset.automation, "golden", data).await?;
            batch.touch_runs();
            batch.touch_timers();
        }
        let new = NewNeed {
            kind: NeedKind::Internal,
            dedupe_key: dedupe_key(upset.automation),
            automation: Some(upset.automation),
            run: None,
            call: None,
            effect: None,
            title: upset.title.clone(),
            evidence: upset.evidence.clone(),
        };
        need::open(batch, &new).await.map(|_| ())
    }
}

/// Closes the need about golden runs, once a person has let the automation go on.
struct CloseNeed {
    automation: AutomationId,
    by: String,
}

impl Command for CloseNeed {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let open = need_row::Entity::find()
            .filter(need_row::Column::DedupeKey.eq(dedupe_key(self.automation)))
            .filter(need_row::Column::Status.eq(NeedStatus::Open.as_str()));
        let Some(open) = batch.tx.one(open).await? else { return Ok(()) };
        need::take_answer(batch, &open.id, Choice::Dismiss, &self.by, None).await
    }
}

fn dedupe_key(automation: AutomationId) -> String {
    format!("golden:{automation}")
}

/// Forgets the golden runs that a repair of this run brought: it is taken back.
pub(super) async fn forget_repair(batch: &Batch<'_>, run: &str) -> Result<(), Error> {
    let kinds = [GoldenKind::Repair, GoldenKind::Failure].map(GoldenKind::as_str);
    let of_repair =
        row::Entity::delete_many().filter(row::Column::RunId.eq(run)).filter(row::Column::Kind.is_in(kinds));
    batch.tx.change(of_repair).await?;
    Ok(())
}

/// Forgets the golden runs that these runs became: their content is erased.
pub(super) async fn forget_of(batch: &Batch<'_>, runs: &[String]) -> Result<(), Error> {
    batch.tx.change(row::Entity::delete_many().filter(row::Column::RunId.is_in(runs))).await?;
    Ok(())
}

/// Forgets all golden runs of an automation.
pub(super) async fn forget_all(batch: &Batch<'_>, automation: AutomationId) -> Result<(), Error> {
    let mine = row::Column::AutomationId.eq(automation.to_string());
    batch.tx.change(row::Entity::delete_many().filter(mine)).await?;
    Ok(())
}

impl Store {
    /// Keeps a golden run. The same run under the same kind is kept once; where an automation has too many, the oldest
    /// go, those first that people kept.
    pub async fn keep_golden(&self, new: NewGolden) -> Result<GoldenId, Error> {
        self.commit(Keep(new)).await
    }

    /// Removes a golden run.
    pub async fn remove_golden(&self, id: GoldenId, by: &str) -> Result<(), Error> {
        self.commit(Remove { id, by: by.to_owned() }).await
    }

    /// Notes what checks of golden runs found, and pauses the automation that is upset by it.
    pub async fn note_goldens(&self, checked: Vec<Checked>, upset: Option<Upset>) -> Result<(), Error> {
        self.commit(Note { checked, upset }).await
    }

    /// Closes the need about the golden runs of an automation: a person has let it go on.
    pub async fn close_golden_need(&self, automation: AutomationId, by: &str) -> Result<(), Error> {
        self.commit(CloseNeed { automation, by: by.to_owned() }).await
    }

    /// One golden run.
    pub async fn golden(&self, id: GoldenId) -> Result<Golden, Error> {
        let found = self.reader().one(row::Entity::find_by_id(id.to_string())).await?;
        let missing = || Error::NotFound { what: "golden run", which: id.to_string() };
        domain(self, found.ok_or_else(missing)?)
    }

    /// The golden runs of an automation, or all, the oldest first.
    pub async fn goldens(&self, automation: Option<AutomationId>) -> Result<Vec<Golden>, Error> {
        let mut all = row::Entity::find().order_by_asc(row::Column::Id);
        if let Some(automation) = automation {
            all = all.filter(row::Column::AutomationId.eq(automation.to_string()));
        }
        self.reader().all(all).await?.into_iter().map(|row| domain(self, row)).collect()
    }

    /// The automations that have golden runs which were last checked with something else than this, or never.
    pub async fn automations_with_stale_goldens(&self, pins: &str) -> Result<Vec<AutomationId>, Error> {
        let stale = row::Column::LastPins.ne(pins).or(row::Column::LastPins.is_null());
        let all = self.reader().all(row::Entity::find().filter(stale).order_by_asc(row::Column::AutomationId)).await?;
        let mut ids: Vec<AutomationId> = Vec::new();
        for row in all {
            let id = row.automation_id.parse().map_err(|error| Error::unreadable("golden run", error))?;
            if ids.last() != Some(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }
}
