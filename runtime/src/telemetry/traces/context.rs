//! Which trace, and which span in it: W3C trace context. Pure.

use std::fmt;

use intents::canonical::Digest;
use intents::id::RunId;

/// A trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId(pub(super) [u8; 16]);

/// A span in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanId(pub(super) [u8; 8]);

/// A place in a trace, as the header `traceparent` carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span that the next one belongs to.
    pub span: SpanId,
    /// Whether somebody keeps this trace.
    pub sampled: bool,
}

impl TraceId {
    /// The trace of a run: the run's own id.
    pub fn of(run: RunId) -> Self {
        Self(run.ulid().to_u128().to_be_bytes())
    }

    /// Whether the trace is among that part of all traces. Everybody who asks gets the same answer.
    pub fn is_sampled(self, ratio: f64) -> bool {
        // The last half of an id is random.
        let [.., a, b, c, d] = self.0;
        f64::from(u32::from_be_bytes([a, b, c, d])) < ratio * (f64::from(u32::MAX) + 1.0)
    }
}

impl SpanId {
    /// A span that is named by its parts, so that it is the same whoever speaks of it.
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let digest = Digest::of_parts("steward span 1", parts);
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&digest.as_bytes()[..8]);
        // Zeroes alone are no id.
        bytes[0] |= u8::from(bytes == [0; 8]);
        Self(bytes)
    }
}

/// The one version that we speak.
const VERSION: &str = "00";

impl TraceContext {
    /// Reads the value of a header; none where it is none, and of versions that are not known yet what we understand.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let version_is_known = version == VERSION;
        let later = version.len() == 2 && version != "ff" && bytes::<1>(version).is_some();
        if !(later && (!version_is_known || parts.next().is_none())) {
            return None;
        }
        let trace = TraceId(bytes(trace).filter(|id| *id != [0; 16])?);
        let span = SpanId(bytes(span).filter(|id| *id != [0; 8])?);
        let [flags] = bytes::<1>(flags)?;
        Some(Self { trace, span, sampled: flags & 1 != 0 })
    }
}

/// Bytes in lower-case hexadecimal digits.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let is_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if text.len() != 2 * N || !text.bytes().all(is_hex) {
        return None;
    }
    let mut bytes = [0; N];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(bytes)
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

/// The value of the header.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

#[cfg(test)]
mod tests {
    use intents::Timestamp;

    use super::*;

    const HEADER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_header_is_read_and_written() {
        let context = TraceContext::parse(HEADER).unwrap();
        assert!(context.sampled);
        assert_eq!(context.to_string(), HEADER);
        assert!(!TraceContext::parse(&HEADER.replace("-01", "-00")).unwrap().sampled);
        assert!(TraceContext::parse(&HEADER.replacen("00-", "01-", 1)).is_some(), "a later version");
        assert!(TraceContext::parse(&format!("{}-more", HEADER.replacen("00-", "01-", 1))).is_some());
        for wrong in [
            "",
            "00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-\u{e4}\u{e4}f7651916cd43dd8448eb211c8031-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_part_of_all_runs_is_traced() {
        let run =
            |number: u128| RunId::from_parts(Timestamp::from_millis(1), number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let sampled = |ratio| (0..10_000).filter(|number| TraceId::of(run(*number)).is_sampled(ratio)).count();
        assert_eq!((sampled(0.0), sampled(1.0)), (0, 10_000));
        assert!((2_000..3_000).contains(&sampled(0.25)), "{}", sampled(0.25));
        assert_eq!(TraceId::of(run(7)).to_string().len(), 32);
    }
}
