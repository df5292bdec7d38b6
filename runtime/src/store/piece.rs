//! Pieces: some rows of one table that follow each other, as a backup holds them.
//!
//! Where a piece ends is decided by the rows themselves, so that what was not changed makes the same pieces again:
//! the next backup need not hold them once more.

use intents::canonical::Digest;
use serde::{Deserialize, Serialize};

use super::tables::{Cell, Column, Row};
use super::{Error, Table};

/// The first byte of the digest of a row's place, when the row ends its piece: one row in 256. A change of one row
/// repeats as many.
const LAST_OF_PIECE: u8 = 0;
/// Events end a piece at each position that so many go into. Segments of the archive hold a multiple of it, so that a
/// piece is in the archive wholly or not at all, and the pieces of all backups come in the order of the events.
const EVENTS: i64 = 250;
/// A piece ends beyond this many rows, whatever they are.
const ROWS_MAX: usize = 2048;
/// A piece ends beyond this many bytes.
const BYTES_MAX: usize = 1 << 20;

/// Some rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    pub(super) table: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
}

impl Piece {
    /// The bytes that stand for it; the same for the same rows.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("a piece is plain data")
    }

    /// Reads a piece, and believes nothing.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let piece: Self = postcard::from_bytes(bytes).map_err(|error| Error::unreadable("piece", error))?;
        if piece.rows.iter().any(|row| row.len() != piece.columns.len()) {
            return Err(Error::unreadable("piece", "a row has not as many cells as the table has columns"));
        }
        Ok(piece)
    }

    /// The name of its table.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.rows.len() as u64
    }
}

/// Gathers rows in their order, and says when a piece is complete.
pub(super) struct Cutter {
    table: Table,
    columns: Vec<Column>,
    order: Vec<usize>,
    rows: Vec<Row>,
    bytes: usize,
}

impl Cutter {
    pub(super) fn new(table: Table) -> Self {
        let columns = table.columns();
        let place = |name: &&str| columns.iter().position(|column| column.name == **name);
        let order = table.order().iter().map(|name| place(name).expect("an order is made of columns")).collect();
        Self { table, columns, order, rows: Vec::new(), bytes: 0 }
    }

    /// The cells that give a row its place.
    pub(super) fn place_of(&self, row: &Row) -> Row {
        self.order.iter().map(|index| row[*index].clone()).collect()
    }

    /// Takes a row; gives the piece that it completes.
    pub(super) fn push(&mut self, row: Row) -> Option<Piece> {
        let ends = self.ends(&row);
        self.bytes += row.iter().map(size_of_cell).sum::<usize>();
        self.rows.push(row);
        let full = self.rows.len() >= ROWS_MAX || self.bytes >= BYTES_MAX;
        (full || ends).then(|| self.cut())
    }

    fn ends(&self, row: &Row) -> bool {
        let place = self.place_of(row);
        if let (Table::Events, [Cell::Integer(position)]) = (self.table, place.as_slice()) {
            return position % EVENTS == 0;
        }
        let digest = Digest::of(&postcard::to_allocvec(&place).expect("cells are plain data"));
        digest.as_bytes()[0] == LAST_OF_PIECE
    }

    /// What is left, when no row comes any more.
    pub(super) fn rest(mut self) -> Option<Piece> {
        (!self.rows.is_empty()).then(|| self.cut())
    }

    fn cut(&mut self) -> Piece {
        self.bytes = 0;
        let rows = std::mem::take(&mut self.rows);
        Piece { table: self.table.name().to_owned(), columns: self.columns.clone(), rows }
    }
}

/// What a cell takes, roughly.
pub(super) fn size_of_cell(cell: &Cell) -> usize {
    match cell {
        Cell::Null => 1,
        Cell::Integer(_) => 8,
        Cell::Text(text) => text.len(),
        Cell::Blob(bytes) => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn setting(number: u32, value: &str) -> Row {
        vec![Cell::Text(format!("s{number:06}")), Cell::Text(value.to_owned()), Cell::Integer(0)]
    }

    fn cut(rows: impl Iterator<Item = Row>) -> Vec<Piece> {
        let mut cutter = Cutter::new(Table::Settings);
        let mut pieces: Vec<_> = rows.filter_map(|row| cutter.push(row)).collect();
        pieces.extend(cutter.rest());
        pieces
    }

    #[test]
    fn a_change_in_one_row_changes_one_piece() {
        let digests =
            |pieces: &[Piece]| pieces.iter().map(|piece| Digest::of(&piece.to_bytes())).collect::<BTreeSet<_>>();
        let before = cut((0..10_000).map(|number| setting(number, "a")));
        assert!(before.len() > 20 && before.len() < 100, "{}", before.len());
        assert_eq!(before.iter().map(Piece::rows).sum::<u64>(), 10_000);
        // One is changed, one goes, one comes, and some come at the end.
        let changed = (0..10_003).filter(|number| *number != 5000).map(|number| match number {
            7000 => setting(number, "b"),
            number => setting(number, "a"),
        });
        let after = cut(changed);
        let fresh = digests(&after).difference(&digests(&before)).count();
        assert!(fresh <= 3, "{fresh} pieces are new");
    }

    #[test]
    fn a_piece_is_read_back_and_a_lame_one_refused() {
        let piece = cut((0..3).map(|number| setting(number, "a"))).remove(0);
        assert_eq!(Piece::from_bytes(&piece.to_bytes()).unwrap(), piece);
        let mut lame = piece;
        lame.rows[1].pop();
        assert!(Piece::from_bytes(&lame.to_bytes()).is_err());
        assert!(Piece::from_bytes(b"nonsense").is_err());
    }
}
