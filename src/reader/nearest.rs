//! The word that was probably meant.

/// The one of `words` that is nearest to `word`, if any is near enough to be what was meant.
///
/// Case does not count, and a word that only lacks its ending (`auth` for `authorization`) is near.
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    words
        .into_iter()
        .map(|candidate| (closeness(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(closeness, _)| *closeness >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

fn closeness(a: &str, b: &str) -> f64 {
    if a == b {
        return 1.0;
    }
    let spelling = strsim::normalized_damerau_levenshtein(a, b);
    let begins = a.len() >= 4 && b.len() >= 4 && (a.starts_with(b) || b.starts_with(a));
    if begins { spelling.max(0.75) } else { spelling }
}

/// `"a", "b" or "c"`, for messages.
pub fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|w| format!("{w:?}")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [init @ .., last] => format!("{} or {last}", init.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_word_and_strangers_find_none() {
        let keys = ["retry", "jitter", "timeout", "success", "rate_limit", "error_emails"];
        for (slip, meant) in [
            ("retrys", Some("retry")),
            ("Timeout", Some("timeout")),
            ("time_out", Some("timeout")),
            ("ratelimit", Some("rate_limit")),
            ("error_mails", Some("error_emails")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(slip, keys), meant, "{slip}");
        }
        assert_eq!(listed(["a", "b", "c"]), r#""a", "b" or "c""#);
    }
}
