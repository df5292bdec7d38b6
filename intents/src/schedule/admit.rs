//! What becomes of a trigger that fires while its automation is still at work.

/// What a trigger's item does while another run of its automation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// It waits for its turn; order is kept.
    #[default]
    Queue,
    /// It is left out.
    Skip,
    /// It runs beside the others.
    Allow,
}

/// Where an item goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admit {
    /// It runs now.
    Start,
    /// It waits for its turn.
    Queue,
    /// It is left out.
    Skip,
}

/// No automation has more runs at once, so that none starves the others.
pub const CONCURRENT_MAX: usize = 8;

/// Decides where a new item goes, given how many runs of its automation are alive and how many items wait before it.
///
/// A run that sleeps on a wait has freed its place and is not counted.
pub fn admit(overlap: Overlap, running: usize, queued: usize) -> Admit {
    let busy = running > 0 || queued > 0;
    match overlap {
        Overlap::Queue | Overlap::Skip | Overlap::Allow if !busy => Admit::Start,
        Overlap::Queue => Admit::Queue,
        Overlap::Skip => Admit::Skip,
        Overlap::Allow if running < CONCURRENT_MAX && queued == 0 => Admit::Start,
        Overlap::Allow => Admit::Queue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_unless_the_contract_allows_more() {
        for (overlap, running, queued, expected) in [
            (Overlap::Queue, 0, 0, Admit::Start),
            (Overlap::Queue, 1, 0, Admit::Queue),
            (Overlap::Queue, 0, 1, Admit::Queue),
            (Overlap::Skip, 0, 0, Admit::Start),
            (Overlap::Skip, 1, 0, Admit::Skip),
            (Overlap::Skip, 0, 1, Admit::Skip),
            (Overlap::Allow, 3, 0, Admit::Start),
            (Overlap::Allow, CONCURRENT_MAX, 0, Admit::Queue),
            (Overlap::Allow, 1, 1, Admit::Queue),
        ] {
            assert_eq!(admit(overlap, running, queued), expected, "{overlap:?} {running} {queued}");
        }
    }
}
