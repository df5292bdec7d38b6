//! Reading a sealed file: from the first frame on, or the last one alone.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use connectors::vault::Key;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use super::header::{KEY_CONTEXT, name_of};
use super::{Error, FRAME_BYTES_MAX, HEADER_BYTES_MAX, Header, MAGIC, TRAILER_BYTES, nonce};

/// A sealed file that is read. Nothing in it is believed before it was opened.
pub(crate) struct Reader<R> {
    input: R,
    header: Header,
    key: LessSafeKey,
    binding: [u8; 32],
    number: u64,
    /// Where the next frame begins.
    offset: u64,
    /// Where the last frame begins, and its number.
    last: (u64, u64),
    ended: bool,
}

impl<R: Read + Seek> Reader<R> {
    /// Reads what a file says about itself. Without the key nobody knows whether it is true.
    pub(crate) fn header(input: &mut R) -> Result<Header, Error> {
        header(input).map(|(header, _)| header)
    }

    /// Opens a file with its key.
    pub(crate) fn open(mut input: R, lock: &Key) -> Result<Self, Error> {
        let (header, bytes) = header(&mut input)?;
        if header.locked_by != name_of(lock) {
            return Err(Error::WrongKey);
        }
        let key = connectors::vault::open(lock, KEY_CONTEXT, &header.key);
        let key = key.map_err(|_| Error::Changed("its header was changed"))?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key).map_err(|_| Error::Changed("its header was changed"))?;
        let offset = (MAGIC.len() + 4 + bytes.len()) as u64;
        let last = trailer(&mut input, offset)?;
        input.seek(SeekFrom::Start(offset))?;
        let binding = *blake3::hash(&bytes).as_bytes();
        Ok(Self { input, header, key: LessSafeKey::new(key), binding, number: 0, offset, last, ended: false })
    }

    /// What the file says about itself: true, once a frame has opened.
    pub(crate) fn about(&self) -> &Header {
        &self.header
    }

    /// The next frame; none after the last one.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let last = self.offset == self.last.0;
        if self.offset > self.last.0 || last != (self.number == self.last.1) {
            return Err(Error::Changed("its frames do not lead to its end"));
        }
        let (frame, length) = self.frame(self.number, last)?;
        self.number += 1;
        self.offset += length;
        self.ended = last;
        Ok(Some(frame))
    }

    /// The last frame. The next one is next as before.
    pub(crate) fn last(&mut self) -> Result<Vec<u8>, Error> {
        self.input.seek(SeekFrom::Start(self.last.0))?;
        let (frame, _) = self.frame(self.last.1, true)?;
        self.input.seek(SeekFrom::Start(self.offset))?;
        Ok(frame)
    }

    fn frame(&mut self, number: u64, last: bool) -> Result<(Vec<u8>, u64), Error> {
        let length = u32::from_be_bytes(take(&mut self.input)?);
        if length > FRAME_BYTES_MAX {
            return Err(Error::Changed("a frame is longer than any"));
        }
        let mut sealed = vec![0; length as usize];
        self.input.read_exact(&mut sealed).map_err(cut)?;
        let nonce = Nonce::assume_unique_for_key(nonce(number, last));
        let packed = self.key.open_in_place(nonce, Aad::from(self.binding), &mut sealed);
        let packed = packed.map_err(|_| Error::Changed("a frame does not open in its place"))?;
        let mut plain = Vec::new();
        let unpacked = zstd::stream::Decoder::new(&*packed)?.take(u64::from(FRAME_BYTES_MAX) + 1);
        let mut unpacked = unpacked;
        unpacked.read_to_end(&mut plain).map_err(|_| Error::Changed("a frame cannot be unpacked"))?;
        if plain.len() > FRAME_BYTES_MAX as usize {
            return Err(Error::Changed("a frame unpacks to more than any"));
        }
        Ok((plain, 4 + u64::from(length)))
    }
}

fn header<R: Read + Seek>(input: &mut R) -> Result<(Header, Vec<u8>), Error> {
    input.seek(SeekFrom::Start(0))?;
    let magic: [u8; MAGIC.len()] =
        take(input).map_err(|error| if matches!(error, Error::Cut) { Error::Foreign } else { error })?;
    if &magic != MAGIC {
        return Err(Error::Foreign);
    }
    let length = u32::from_be_bytes(take(input)?);
    if length > HEADER_BYTES_MAX {
        return Err(Error::Changed("its header is longer than any"));
    }
    let mut bytes = vec![0; length as usize];
    input.read_exact(&mut bytes).map_err(cut)?;
    Ok((Header::parse(&bytes)?, bytes))
}

/// Where the last frame begins, and its number. What is said there is checked by opening that frame.
fn trailer<R: Read + Seek>(input: &mut R, first: u64) -> Result<(u64, u64), Error> {
    let length = input.seek(SeekFrom::End(0))?;
    let Some(end) = length.checked_sub(TRAILER_BYTES).filter(|end| *end > first) else { return Err(Error::Cut) };
    input.seek(SeekFrom::Start(end))?;
    let offset = u64::from_be_bytes(take(input)?);
    let number = u64::from_be_bytes(take(input)?);
    if offset < first || offset.checked_add(4).is_none_or(|body| body > end) {
        return Err(Error::Cut);
    }
    input.seek(SeekFrom::Start(offset))?;
    let frame = u64::from(u32::from_be_bytes(take(input)?));
    if offset + 4 + frame == end { Ok((offset, number)) } else { Err(Error::Cut) }
}

fn take<const LENGTH: usize>(input: &mut impl Read) -> Result<[u8; LENGTH], Error> {
    let mut bytes = [0; LENGTH];
    input.read_exact(&mut bytes).map_err(cut)?;
    Ok(bytes)
}

fn cut(error: io::Error) -> Error {
    if error.kind() == ErrorKind::UnexpectedEof { Error::Cut } else { Error::Io(error) }
}
