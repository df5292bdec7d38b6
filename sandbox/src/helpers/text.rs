//! Texts and bytes.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::helpers::Problem;

/// As `atob` wants it: padding may be there or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Makes text of UTF-8, with a mark for each part that is none, unless that is an error.
pub(crate) fn decode(bytes: &[u8], fatal: bool, keep_mark: bool) -> Result<String, Problem> {
    let text = if fatal {
        std::str::from_utf8(bytes).map_err(|_| Problem::new("the bytes are no UTF-8"))?.to_owned()
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    };
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) if !keep_mark => rest.to_owned(),
        Some(_) | None => text,
    })
}

/// `btoa`: each character is one byte.
pub(crate) fn to_base64(binary: &str) -> Result<String, Problem> {
    let bytes: Result<Vec<u8>, _> = binary.chars().map(|c| u8::try_from(u32::from(c))).collect();
    let bytes = bytes.map_err(|_| Problem::new("`btoa` takes characters up to U+00FF: encode the text first"))?;
    Ok(BASE64.encode(bytes))
}

/// `atob`: each byte becomes one character.
pub(crate) fn from_base64(text: &str) -> Result<String, Problem> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = BASE64.decode(text).map_err(|_| Problem::new("the text is no base64"))?;
    Ok(bytes.into_iter().map(char::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_goes_there_and_back() {
        assert_eq!(to_base64("h\u{e9}\u{ff}").unwrap(), "aOn/");
        assert_eq!(from_base64(" aOn/ ").unwrap(), "h\u{e9}\u{ff}");
        assert_eq!(from_base64("YQ").unwrap(), "a");
        assert!(to_base64("€").is_err());
        assert!(from_base64("?").is_err());
    }

    #[test]
    fn bytes_that_are_no_text_are_marked_or_refused() {
        assert_eq!(decode(b"\xef\xbb\xbfa\xff", false, false).unwrap(), "a\u{fffd}");
        assert_eq!(decode(b"\xef\xbb\xbfa", true, true).unwrap(), "\u{feff}a");
        assert!(decode(b"\xff", true, false).is_err());
    }
}
