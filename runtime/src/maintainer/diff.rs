//! What changed between two texts, line by line.

/// Longer scripts are shown whole rather than compared.
const LINES_MAX: usize = 2_000;
/// Lines around a change that help to find it.
const AROUND: usize = 2;

/// The lines that were taken out (`-`) and put in (`+`), each with some lines around it.
pub(super) fn diff(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    if old.len() > LINES_MAX || new.len() > LINES_MAX {
        return new.iter().map(|line| format!("+ {line}\n")).collect();
    }
    let marked = marked(&old, &new);
    let changed: Vec<usize> =
        marked.iter().enumerate().filter(|(_, (mark, _))| *mark != ' ').map(|(index, _)| index).collect();
    let near = |index: usize| changed.iter().any(|at| at.abs_diff(index) <= AROUND);
    let mut text = String::new();
    let mut gap = false;
    for (index, (mark, line)) in marked.iter().enumerate() {
        if near(index) {
            text.push_str(&format!("{mark} {line}\n"));
            gap = false;
        } else if !gap {
            text.push_str("  …\n");
            gap = true;
        }
    }
    text
}

/// Every line of both texts with what became of it, by their longest common sequence.
fn marked<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<(char, &'t str)> {
    let width = new.len() + 1;
    let mut common = vec![0u32; (old.len() + 1) * width];
    for (i, left) in old.iter().enumerate().rev() {
        for (j, right) in new.iter().enumerate().rev() {
            common[i * width + j] = if left == right {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::with_capacity(old.len().max(new.len()));
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j >= new.len() || i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1] {
            lines.push(('-', old[i]));
            i += 1;
        } else {
            lines.push(('+', new[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_what_changed_and_what_is_around_it() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh";
        let new = "a\nb\nc\nd\nE\nf\ng\nh";
        assert_eq!(diff(old, new), "  …\n  c\n  d\n- e\n+ E\n  f\n  g\n  …\n");
        assert_eq!(diff("a", "a"), "  …\n");
        assert_eq!(diff("", "a"), "+ a\n");
    }
}
