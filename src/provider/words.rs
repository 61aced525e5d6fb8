//! Closed vocabularies: reading a word, and saying what is accepted when it is none of them.
//!
//! Used by the providers' stimuli and flows and by whoever reads their files; never guesses, only suggests.

/// A closed set of words that a value is written in.
pub trait Word: Copy + 'static {
    /// What a value is, for messages: `a system decision`.
    const KIND: &'static str;
    /// All values, in the order they are listed to people.
    const ALL: &'static [Self];

    /// The value's exact word.
    fn word(self) -> &'static str;
}

/// All words of a vocabulary, in their order.
pub fn words<T: Word>() -> Vec<&'static str> {
    T::ALL.iter().map(|value| value.word()).collect()
}

/// Reads an exact word.
///
/// # Errors
/// What the text is not, the nearest word if one is near, and all that is accepted.
pub fn read<T: Word>(text: &str) -> Result<T, String> {
    let found = T::ALL.iter().copied().find(|value| value.word() == text);
    found.ok_or_else(|| format!("{text:?} is not {}{}", T::KIND, suggest(text, &words::<T>())))
}

/// The end of a complaint about `given`: `: did you mean "x"? accepted: x, y, z`.
pub fn suggest(given: &str, accepted: &[&str]) -> String {
    if accepted.is_empty() {
        return ": none is accepted here".to_owned();
    }
    let hint = nearest(given, accepted).map(|word| format!("did you mean {word:?}? ")).unwrap_or_default();
    format!(": {hint}accepted: {}", accepted.join(", "))
}

/// The candidate that is most like `given`, without regard to case, if any is like it at all.
pub fn nearest<'a>(given: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let given = plain(given);
    let mut best: Option<(f64, &'a str)> = None;
    for candidate in candidates {
        let likeness = strsim::normalized_damerau_levenshtein(&given, &plain(candidate));
        // Below one half the suggestion would puzzle more than it helps.
        if likeness >= 0.5 && best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Gives a [`Word`] its `FromStr` and `Display`.
macro_rules! text_form {
    ($($name:ty),+) => {$(
        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                $crate::provider::words::read(text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}
pub(crate) use text_form;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested_and_nonsense_is_not() {
        let words = ["submit_step", "finish_processing", "review"];
        for (given, expected) in [
            ("submitstep", Some("submit_step")),
            ("Submit Step", Some("submit_step")),
            ("finish-procesing", Some("finish_processing")),
            ("reveiw", Some("review")),
            ("zzzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, &words), expected, "{given}");
        }
        assert_eq!(suggest("x", &[]), ": none is accepted here");
        assert_eq!(
            suggest("reviw", &words),
            ": did you mean \"review\"? accepted: submit_step, finish_processing, review"
        );
    }
}
