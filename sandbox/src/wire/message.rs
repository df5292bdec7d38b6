//! Frames: how bytes are cut.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The length in front of every frame.
const LENGTH_BYTES: usize = 4;
/// Larger than the largest outcome, input or pair of arguments, with room for escapes. A longer frame is an attack.
const FRAME_BYTES_MAX: usize = 64 << 20;

/// Why bytes are no frame.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// Longer than any frame.
    #[error("a frame of {0} bytes")]
    TooLong(usize),
    /// Not what it should be.
    #[error("a frame that does not decode")]
    Malformed(#[source] postcard::Error),
}

/// Makes a frame of a message.
pub(crate) fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    let frame = postcard::to_extend(message, vec![0; LENGTH_BYTES]);
    let mut frame = frame.expect("messages hold nothing that postcard cannot encode");
    let length = u32::try_from(frame.len() - LENGTH_BYTES).unwrap_or(u32::MAX);
    frame[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    frame
}

/// Takes the first whole frame off some bytes: the message, and how many bytes it took.
pub(crate) fn take<T: DeserializeOwned>(bytes: &[u8]) -> Result<Option<(T, usize)>, FrameError> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = u32::from_le_bytes(*length) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong(length));
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let message = postcard::from_bytes(body).map_err(FrameError::Malformed)?;
    Ok(Some((message, LENGTH_BYTES + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_off_one_by_one() {
        let mut bytes = encode(&"first");
        bytes.extend(encode(&"second"));
        let (first, taken) = take::<String>(&bytes).unwrap().unwrap();
        assert_eq!(first, "first");
        let (second, rest) = take::<String>(&bytes[taken..]).unwrap().unwrap();
        assert_eq!((second.as_str(), taken + rest), ("second", bytes.len()));
        for cut in 0..taken {
            assert!(take::<String>(&bytes[..cut]).unwrap().is_none());
        }
    }

    #[test]
    fn a_frame_that_claims_too_much_is_refused() {
        assert!(matches!(take::<String>(&[0xff; 8]), Err(FrameError::TooLong(_))));
        assert!(matches!(take::<String>(&[1, 0, 0, 0, 9]), Err(FrameError::Malformed(_))));
    }
}
