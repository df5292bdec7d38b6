//! Mail addresses, compared by the address alone.
//!
//! `Ops <eve@evil.example>` goes to Eve, whatever stands before the brackets. So conditions and counts look at the bare
//! address, and a text that two programs could take apart in two ways fails.

/// Longer addresses do not exist (RFC 5321).
const BYTES_MAX: usize = 320;

/// The bare address of `ops@example.com` or `Ops <ops@example.com>`, its domain in lower case. None for anything else.
pub(crate) fn bare_address(text: &str) -> Option<String> {
    let address = match text.strip_suffix('>') {
        None => text,
        Some(inside) => {
            let (name, address) = inside.split_once('<')?;
            let plain = |c: char| !c.is_control() && !"<>()[]\\,;:@\"".contains(c);
            name.chars().all(plain).then_some(address)?
        }
    };
    let (local, domain) = address.split_once('@')?;
    let local_is_plain =
        !local.is_empty() && local.bytes().all(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&b));
    let domain_is_plain = domain.split('.').all(|label| {
        let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        !label.is_empty() && inner && !label.starts_with('-') && !label.ends_with('-')
    });
    let sound = text.len() <= BYTES_MAX && local_is_plain && domain_is_plain;
    sound.then(|| format!("{local}@{}", domain.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_counts() {
        for text in ["ops@example.com", "Ops <ops@example.com>", "ops@Example.COM", "<ops@example.com>"] {
            assert_eq!(bare_address(text).as_deref(), Some("ops@example.com"), "{text}");
        }
        assert_eq!(bare_address("ops@example.com <eve@evil.example>"), None);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_address() {
        for text in [
            "",
            "ops",
            "@example.com",
            "ops@",
            "ops@example.com, eve@evil.example",
            "ops@example.com\n",
            "a@b@c",
            "\"Ops\" <ops@example.com>",
            "Ops <<ops@example.com>>",
            "ops@example.com>",
            "ops@exam ple.com",
            "ops@example.com.",
            "ops@-example.com",
            "оps@example.com",
            "ops(x)@example.com",
            "ops@[127.0.0.1]",
            "a <b> <ops@example.com>",
        ] {
            assert_eq!(bare_address(text), None, "{text}");
        }
    }
}
