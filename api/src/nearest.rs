//! The nearest right name for a misspelt one.

/// The candidate that `word` was probably meant to be; `None` when nothing is close.
///
/// Case does not count, and about one slip in four letters is forgiven.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let allowed = 1 + word.chars().count() / 4;
    candidates
        .into_iter()
        .map(|name| (strsim::osa_distance(&word, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= allowed && *distance < name.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_nothing_else() {
        let fields = ["templates", "entrypoint", "serviceAccountName", "dag"];
        let cases = [
            ("templats", Some("templates")),
            ("entryPoint", Some("entrypoint")),
            ("serviceaccountName", Some("serviceAccountName")),
            ("dga", Some("dag")),
            ("volumes", None),
            ("x", None),
        ];
        for (word, expected) in cases {
            assert_eq!(nearest(word, fields), expected, "{word}");
        }
    }
}
