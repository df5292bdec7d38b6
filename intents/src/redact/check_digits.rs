//! Numbers that carry their own proof: payment cards and bank accounts.

/// Whether digits, with blanks and dashes between them, are a card number (Luhn).
///
/// Networks begin with 2 to 6 and have 14 to 19 digits; so a time in milliseconds is never taken for a card.
pub(super) fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let sum = digits.iter().rev().enumerate().map(|(index, digit)| match (index % 2, digit * 2) {
        (0, _) => *digit,
        (_, doubled) => doubled % 10 + doubled / 10,
    });
    (14..=19).contains(&digits.len()) && matches!(digits.first(), Some(2..=6)) && sum.sum::<u32>() % 10 == 0
}

/// The longest start of a text, up to a boundary, that is a bank account (IBAN, mod 97), in bytes.
pub(super) fn iban_at_start(text: &str) -> Option<usize> {
    let mut compact = String::new();
    let mut longest = None;
    for (index, character) in text.char_indices() {
        match character {
            ' ' => continue,
            c if c.is_ascii_alphanumeric() && compact.len() < 34 => compact.push(c.to_ascii_uppercase()),
            _ => break,
        }
        let end = index + character.len_utf8();
        let at_boundary = !text[end..].starts_with(|c: char| c.is_ascii_alphanumeric());
        if at_boundary && is_iban(&compact) {
            longest = Some(end);
        }
    }
    longest
}

fn is_iban(compact: &str) -> bool {
    if !(15..=34).contains(&compact.len()) {
        return false;
    }
    let (head, body) = compact.split_at(4);
    let remainder = body.chars().chain(head.chars()).fold(0u32, |rest, character| {
        let value = character.to_digit(36).unwrap_or_default();
        (rest * if value > 9 { 100 } else { 10 } + value) % 97
    });
    remainder == 1
}

/// A number whose last digit makes it a card again; blanks and dashes stay where they are.
pub(super) fn with_check_digit(text: &str) -> String {
    let Some(last) = text.rfind(|c: char| c.is_ascii_digit()) else { return text.to_owned() };
    let with = |digit: u32| format!("{}{digit}{}", &text[..last], &text[last + 1..]);
    (0..10).map(with).find(|candidate| is_card(candidate)).unwrap_or_else(|| text.to_owned())
}

/// An account whose two digits behind the country make it one again.
pub(super) fn with_check_number(text: &str) -> String {
    let compact = |text: &str| text.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_uppercase()).collect::<String>();
    let places: Vec<usize> = text.match_indices(|c: char| c != ' ').map(|(place, _)| place).skip(2).take(2).collect();
    let &[first, second] = places.as_slice() else { return text.to_owned() };
    let with = |number: u32| {
        let mut candidate = text.to_owned();
        candidate.replace_range(first..=first, &(number / 10).to_string());
        candidate.replace_range(second..=second, &(number % 10).to_string());
        candidate
    };
    (2..=98).map(with).find(|candidate| is_iban(&compact(candidate))).unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_changed_can_prove_itself_again() {
        for card in ["4111111111111112", "5500-0000-1234-0004"] {
            assert!(is_card(&with_check_digit(card)), "{card}");
        }
        let account = with_check_number("GB00 WEST 1234 5698 7654 99");
        assert_eq!(iban_at_start(&account), Some(account.len()));
    }

    #[test]
    fn cards_prove_themselves() {
        for card in ["4111111111111111", "4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005"] {
            assert!(is_card(card), "{card}");
        }
        for other in ["4111111111111112", "1763630000000", "1111111111111117", "42"] {
            assert!(!is_card(other), "{other}");
        }
    }

    #[test]
    fn an_account_is_found_before_the_words_after_it() {
        assert_eq!(iban_at_start("GB82 WEST 1234 5698 7654 32 PAID NOW"), Some(27));
        assert_eq!(iban_at_start("DE89370400440532013000"), Some(22));
        assert_eq!(iban_at_start("GB82 WEST 1234 5698 7654 33"), None);
    }
}
