//! Writing a sealed file, frame by frame.

use std::io::{self, Write};

use connectors::vault::Key;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use super::header::{KEY_CONTEXT, name_of};
use super::{Error, FRAME_BYTES_MAX, HEADER_BYTES_MAX, Header, MAGIC, nonce};

/// Rows compress well at a level that costs little; payloads are compressed already.
const COMPRESSION_LEVEL: i32 = 3;

/// A sealed file in the making. Without its last frame it does not open.
pub(crate) struct Writer<W> {
    out: W,
    key: LessSafeKey,
    binding: [u8; 32],
    number: u64,
    offset: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a file that `lock` opens. `fresh` is random, and used for this file alone.
    pub(crate) fn begin(mut out: W, lock: &Key, fresh: [u8; 32], mut header: Header) -> Result<Self, Error> {
        header.locked_by = name_of(lock);
        let sealed = connectors::vault::seal(lock, KEY_CONTEXT, &fresh);
        header.key = sealed.map_err(|error| io::Error::other(error.to_string()))?;
        let bytes = serde_json::to_vec(&header).expect("a header is plain data");
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= HEADER_BYTES_MAX);
        let length = length.ok_or_else(|| io::Error::other("the header of a sealed file is too long"))?;
        out.write_all(MAGIC)?;
        out.write_all(&length.to_be_bytes())?;
        out.write_all(&bytes)?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, &fresh).expect("the key has the cipher's length");
        let offset = (MAGIC.len() + 4 + bytes.len()) as u64;
        let binding = *blake3::hash(&bytes).as_bytes();
        Ok(Self { out, key: LessSafeKey::new(key), binding, number: 0, offset })
    }

    /// Adds a frame.
    pub(crate) fn frame(&mut self, plain: &[u8]) -> Result<(), Error> {
        self.put(plain, false)
    }

    /// Adds the last frame, and gives back what was written to, with its length.
    pub(crate) fn end(mut self, plain: &[u8]) -> Result<(W, u64), Error> {
        let (offset, number) = (self.offset, self.number);
        self.put(plain, true)?;
        self.out.write_all(&offset.to_be_bytes())?;
        self.out.write_all(&number.to_be_bytes())?;
        self.out.flush()?;
        Ok((self.out, self.offset + super::TRAILER_BYTES))
    }

    fn put(&mut self, plain: &[u8], last: bool) -> Result<(), Error> {
        let mut frame = zstd::bulk::compress(plain, COMPRESSION_LEVEL)?;
        let nonce = Nonce::assume_unique_for_key(nonce(self.number, last));
        self.key
            .seal_in_place_append_tag(nonce, Aad::from(self.binding), &mut frame)
            .map_err(|_| io::Error::other("a frame is too long to be sealed"))?;
        let length = u32::try_from(frame.len()).ok().filter(|length| *length <= FRAME_BYTES_MAX);
        let length = length.ok_or_else(|| io::Error::other("a frame of a sealed file is too long"))?;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(&frame)?;
        self.number += 1;
        self.offset += 4 + u64::from(length);
        Ok(())
    }
}
