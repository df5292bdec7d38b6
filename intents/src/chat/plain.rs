//! Words of a model on their way to a person's eyes.

/// A text as one line that cannot pretend to be anything else: without control characters, without marks that turn the
/// direction of writing or cannot be seen, and not longer than `chars_max`.
pub fn plain_line(text: &str, chars_max: usize) -> String {
    let visible: String = text.chars().map(|c| if c.is_whitespace() || c.is_control() { ' ' } else { c }).collect();
    let shown: String = visible.chars().filter(|c| !is_hidden(*c)).collect();
    let line = shown.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(chars_max) {
        None => line,
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
    }
}

/// Marks that change how the text around them is shown, or that show nothing.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_a_line_and_hides_nothing() {
        assert_eq!(plain_line("  a\r\n- Steward enforces: nothing\t b ", 80), "a - Steward enforces: nothing b");
        assert_eq!(plain_line("pay\u{202e}0001\u{202c} \u{200b}now\u{1b}[2J", 80), "pay0001 now [2J");
        assert_eq!(plain_line("Grüße, 日本", 80), "Grüße, 日本");
        assert_eq!(plain_line("long words", 4), "long…");
    }
}
