//! Links that answer a need once: whoever holds one may give its answer.
//!
//! A link is a random number with a code made of it under a key of this installation. What is stored is a digest of the
//! number: who reads the database can make no link of it, and a forged one is recognised without looking there.

use intents::Timestamp;
use intents::canonical::Digest;
use intents::id::LinkId;
use intents::need::{Choice, DeadLink, Kind, choices_of, judge_link, link_expires, may_link};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::batch::{Batch, Shared};
use super::db::Queries;
use super::need::{evidence_of, take_answer};
use super::rows::{approval, need, need_link as row};
use super::writer::Command;
use super::{Error, Need, NeedStatus, Store};

/// Bytes of the random number.
const NUMBER_BYTES: usize = 32;
/// Bytes of the code: as many as nobody guesses.
const CODE_BYTES: usize = 16;
/// Sets the key of links apart from all others. It never changes, or links in mails would not open.
const CONTEXT: &str = "steward 2026-11 links that answer needs v1";

/// A link that was just made. Its token is known here alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLink {
    /// The answer that it gives.
    pub choice: Choice,
    /// What stands at the end of its address.
    pub token: String,
}

/// A link as it is looked at before it is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// The need that it answers.
    pub need: Need,
    /// The answer that it gives.
    pub choice: Choice,
    /// Until when it works.
    pub expires_at: Timestamp,
    /// Why it answers nothing any more.
    pub dead: Option<DeadLink>,
}

fn code_of(shared: &Shared, number: &[u8]) -> [u8; CODE_BYTES] {
    let key = blake3::derive_key(CONTEXT, &shared.keys.ledger);
    let mut code = [0; CODE_BYTES];
    code.copy_from_slice(&blake3::keyed_hash(&key, number).as_bytes()[..CODE_BYTES]);
    code
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unknown() -> Error {
    Error::Conflict { code: "LINK_UNKNOWN", reason: "this link is none of ours; look into the inbox".to_owned() }
}

fn is_dead(dead: DeadLink, need: &need::Model) -> Error {
    match dead {
        DeadLink::Used => Error::Conflict {
            code: "LINK_USED",
            reason: "this link was used already; what it answered stands".to_owned(),
        },
        DeadLink::Expired => {
            Error::Conflict { code: "LINK_EXPIRED", reason: "this link is too old; answer in the inbox".to_owned() }
        }
        DeadLink::Settled => Error::Conflict {
            code: "NEED_ANSWERED",
            reason: format!("the need {} is {} already", need.id, need.status),
        },
    }
}

/// The digest under which a token is stored; none where it was not made here.
fn digest_of(shared: &Shared, token: &str) -> Option<Vec<u8>> {
    let sound = token.len() == 2 * (NUMBER_BYTES + CODE_BYTES)
        && token.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if !sound {
        return None;
    }
    let bytes: Vec<u8> = (0..token.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&token[at..at + 2], 16))
        .collect::<Result<_, _>>()
        .ok()?;
    let (number, code) = bytes.split_at(NUMBER_BYTES);
    // Hashes compare in constant time.
    let right = blake3::hash(&code_of(shared, number)) == blake3::hash(code);
    right.then(|| Digest::of(number).as_bytes().to_vec())
}

/// Makes the links of an open need, for one attempt at a delivery.
pub(super) async fn make(batch: &Batch<'_>, need: &need::Model, delivery: &str) -> Result<Vec<NewLink>, Error> {
    let kind: Kind = need.kind.parse().map_err(|error| Error::unreadable("need", error))?;
    let mut expires = need.expires_at;
    if kind == Kind::Approve {
        let asked = approval::Entity::find().filter(approval::Column::NeedId.eq(&need.id));
        expires = batch.tx.one(asked).await?.map(|approval| approval.expires_at);
    }
    let expires_at = link_expires(batch.now, expires.map(Timestamp::from_millis)).as_millis();
    let mut links = Vec::new();
    let offered = choices_of(kind, &evidence_of(batch, need)?);
    for choice in offered.into_iter().filter(|choice| may_link(kind, *choice)) {
        let number = batch.shared.env.random_bytes();
        let model = row::Model {
            id: batch.shared.env.link_id().to_string(),
            need_id: need.id.clone(),
            choice: choice.as_str().to_owned(),
            digest: Digest::of(&number).as_bytes().to_vec(),
            delivery_id: delivery.to_owned(),
            created_at: batch.now.as_millis(),
            expires_at,
            used_at: None,
        };
        batch.tx.insert(&model).await?;
        links.push(NewLink { choice, token: hex(&number) + &hex(&code_of(batch.shared, &number)) });
    }
    Ok(links)
}

/// Removes the links of an attempt of which nothing left.
pub(super) async fn forget(batch: &Batch<'_>, delivery: &str) -> Result<(), Error> {
    let unused =
        row::Entity::delete_many().filter(row::Column::DeliveryId.eq(delivery)).filter(row::Column::UsedAt.is_null());
    batch.tx.change(unused).await.map(|_| ())
}

/// Removes links that are of no use since before a time.
pub(super) async fn sweep(batch: &Batch<'_>, before: i64) -> Result<u64, Error> {
    batch.tx.change(row::Entity::delete_many().filter(row::Column::ExpiresAt.lt(before))).await
}

async fn find(db: &impl Queries, digest: &[u8]) -> Result<(row::Model, need::Model), Error> {
    let link = db.one(row::Entity::find().filter(row::Column::Digest.eq(digest.to_vec()))).await?;
    let link = link.ok_or_else(unknown)?;
    let need = db.one(need::Entity::find_by_id(&link.need_id)).await?.ok_or_else(unknown)?;
    Ok((link, need))
}

fn judge(link: &row::Model, need: &need::Model, now: Timestamp) -> Result<(), DeadLink> {
    let open = need.status == NeedStatus::Open.as_str();
    judge_link(link.used_at.is_some(), Timestamp::from_millis(link.expires_at), open, now)
}

fn choice_of(link: &row::Model) -> Result<Choice, Error> {
    link.choice.parse().map_err(|error| Error::unreadable("link", error))
}

/// Whoever holds a link gives its answer.
struct Use {
    digest: Vec<u8>,
}

impl Command for Use {
    type Reply = String;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<String, Error> {
        let (mut link, need) = find(batch.tx, &self.digest).await?;
        judge(&link, &need, batch.now).map_err(|dead| is_dead(dead, &need))?;
        take_answer(batch, &need.id, choice_of(&link)?, &format!("link:{}", link.id), None).await?;
        link.used_at = Some(batch.now.as_millis());
        batch.tx.update(&link).await?;
        Ok(need.id)
    }
}

impl Store {
    /// Looks at a link. Nothing comes of it.
    pub async fn link(&self, token: &str) -> Result<Link, Error> {
        let digest = digest_of(self.shared(), token).ok_or_else(unknown)?;
        let (link, need) = find(self.reader(), &digest).await?;
        Ok(Link {
            id: link.id.parse().map_err(|error| Error::unreadable("link id", error))?,
            choice: choice_of(&link)?,
            expires_at: Timestamp::from_millis(link.expires_at),
            dead: judge(&link, &need, self.shared().env.now()).err(),
            need: self.need(need.id.parse().map_err(|error| Error::unreadable("need id", error))?).await?,
        })
    }

    /// Gives the answer of a link, once.
    pub async fn use_link(&self, token: &str) -> Result<Need, Error> {
        let digest = digest_of(self.shared(), token).ok_or_else(unknown)?;
        let need = self.commit(Use { digest }).await?;
        self.need(need.parse().map_err(|error| Error::unreadable("need id", error))?).await
    }
}
