//! What was delivered, as the harness itself remembers it.

use std::collections::BTreeMap;

/// On which way an item is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// As a run that is started by hand, with an idempotency key.
    ByHand,
    /// As a signed request to the webhook, with a delivery number.
    Webhook,
}

/// An item.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) way: Way,
    /// The run that the server named when it acknowledged the item.
    pub(crate) run: Option<String>,
    /// How often it was delivered.
    pub(crate) tries: u32,
}

/// All items, and what was answered about their effects.
#[derive(Default)]
pub(crate) struct Items {
    all: Vec<Item>,
    /// How often `it_did_not` was answered, for each effect.
    pub(crate) denied: BTreeMap<String, usize>,
    /// How often `it_happened` was answered, for each effect.
    pub(crate) affirmed: BTreeMap<String, usize>,
}

impl Items {
    /// Makes a new item.
    pub(crate) fn invent(&mut self) {
        let number = self.all.len();
        let way = if number.is_multiple_of(2) { Way::ByHand } else { Way::Webhook };
        self.all.push(Item { name: format!("item-{number}"), way, run: None, tries: 0 });
    }

    pub(crate) fn all(&self) -> &[Item] {
        &self.all
    }

    pub(crate) fn not_acknowledged(&mut self) -> impl Iterator<Item = &mut Item> {
        self.all.iter_mut().filter(|item| item.run.is_none())
    }

    /// The item with the longest history that can be delivered once more, to see that it changes nothing.
    pub(crate) fn acknowledged(&self, number: u64) -> Option<&Item> {
        let acknowledged: Vec<_> = self.all.iter().filter(|item| item.run.is_some()).collect();
        let count = acknowledged.len() as u64;
        (count > 0).then(|| acknowledged[usize::try_from(number % count).expect("an index")])
    }
}
