//! Sealed files: a plain header, then frames that are compressed, encrypted and bound to their place.
//!
//! Promises: a frame that was changed, left out, put in, doubled or moved does not open, nor does one of another file;
//! a file that was cut off is told from one that is whole; the last frame is found without reading the others. What
//! the frames hold is none of this part's business. Backups and the archive of events are such files.
//!
//! The scheme is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015) over ChaCha20-Poly1305: each file has a random key
//! of its own, so a frame's nonce is its number and whether it is the last one; the header's digest is bound to each.

mod header;
mod read;
mod write;

pub(crate) use header::{Header, Kind};
pub(crate) use read::Reader;
pub(crate) use write::Writer;

use std::io;

use ring::aead::NONCE_LEN;

/// What stands at the start of every sealed file.
const MAGIC: &[u8; 16] = b"steward sealed 1";
/// A longer header is none of ours: it says where a backup comes from, and lists the migrations of its database.
const HEADER_BYTES_MAX: u32 = 1 << 20;
/// A frame holds at most the longest row that there is, a journal's segment, with some room beside it.
const FRAME_BYTES_MAX: u32 = 96 << 20;
/// The last frame's place and number, at the end of the file.
const TRAILER_BYTES: u64 = 16;

/// Why a sealed file does not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It is some other file.
    #[error("it is no file that Steward sealed")]
    Foreign,
    /// Its format is newer.
    #[error("it was written by a newer Steward (format {0})")]
    Newer(u32),
    /// Another key locked it.
    #[error("it was locked with another key")]
    WrongKey,
    /// Its end is missing.
    #[error("it is cut off")]
    Cut,
    /// Something in it was changed.
    #[error("it was changed: {0}")]
    Changed(&'static str),
    /// The system could not read or write it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The nonce of a frame: used once under the key of its file.
fn nonce(number: u64, last: bool) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce[..8].copy_from_slice(&number.to_be_bytes());
    nonce[NONCE_LEN - 1] = u8::from(last);
    nonce
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use connectors::vault::Key;
    use intents::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn lock() -> Key {
        Key::new([4; 32])
    }

    fn sealed(frames: &[Vec<u8>]) -> Vec<u8> {
        let header = Header::new(Kind::Backup, Timestamp::EPOCH, serde_json::json!({ "id": "one" }));
        let mut writer = Writer::begin(Vec::new(), &lock(), [9; 32], header).unwrap();
        let (last, others) = frames.split_last().expect("a file has a last frame");
        for frame in others {
            writer.frame(frame).unwrap();
        }
        writer.end(last).unwrap().0
    }

    fn opened(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        let mut reader = Reader::open(Cursor::new(bytes), &lock())?;
        let last = reader.last()?;
        let mut frames = Vec::new();
        while let Some(frame) = reader.next()? {
            frames.push(frame);
        }
        assert_eq!(frames.last(), Some(&last), "the last frame is found without the others");
        Ok(frames)
    }

    proptest! {
        #[test]
        fn frames_come_back_and_no_change_goes_unseen(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..6),
            place in any::<prop::sample::Index>(), bit in 0u8..8,
        ) {
            let whole = sealed(&frames);
            prop_assert_eq!(opened(&whole).unwrap(), frames);
            let mut changed = whole.clone();
            changed[place.index(whole.len())] ^= 1 << bit;
            prop_assert!(opened(&changed).is_err());
            prop_assert!(opened(&whole[..place.index(whole.len())]).is_err());
            let mut longer = whole.clone();
            longer.push(0);
            prop_assert!(opened(&longer).is_err());
        }
    }

    #[test]
    fn frames_that_change_places_or_go_do_not_open() {
        let frames = [b"a".to_vec(), b"b".to_vec(), b"c".to_vec(), b"d".to_vec()];
        let whole = sealed(&frames);
        let size = |at: usize| 4 + u32::from_be_bytes(whole[at..at + 4].try_into().unwrap()) as usize;
        let first = 16 + 4 + u32::from_be_bytes(whole[16..20].try_into().unwrap()) as usize;
        let second = first + size(first);
        let third = second + size(second);
        let swapped = [&whole[..first], &whole[second..third], &whole[first..second], &whole[third..]].concat();
        assert_eq!(swapped.len(), whole.len());
        assert!(matches!(opened(&swapped), Err(Error::Changed(_))));
        let fewer = [&whole[..second], &whole[third..]].concat();
        assert!(opened(&fewer).is_err());
    }

    #[test]
    fn another_key_and_another_file_are_told_apart_from_a_change() {
        let whole = sealed(&[b"x".to_vec()]);
        let other = Reader::open(Cursor::new(&whole), &Key::new([5; 32]));
        assert!(matches!(other, Err(Error::WrongKey)));
        assert!(matches!(opened(b"PK\x03\x04 some other file that is long enough"), Err(Error::Foreign)));
        assert!(matches!(opened(&whole[..whole.len() - 1]), Err(Error::Cut)));
    }
}
