//! Names of fields, and what was probably meant by one that does not exist.

/// What to say of a name that does not exist: "did you mean …?", or all the names that do.
pub fn advice(given: &str, names: &[&str]) -> String {
    let near = names.iter().map(|n| (distance(given, n), n)).min().filter(|(d, n)| *d <= 1 + n.len() / 4);
    near.map_or_else(|| format!("the fields are {}", names.join(", ")), |(_, n)| format!("did you mean `{n}`?"))
}

/// Levenshtein's distance of two names, letter by letter.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        assert_eq!(advice("shortname", &["short_name", "version"]), "did you mean `short_name`?");
        assert_eq!(advice("xyzzy", &["short_name", "version"]), "the fields are short_name, version");
    }
}
