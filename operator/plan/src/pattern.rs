//! The patterns of grants.

/// A name, or a prefix followed by `*`: the only pattern that grants know, because two of them are provably disjoint or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern<'a> {
    prefix: &'a str,
    open: bool,
}

impl<'a> Pattern<'a> {
    /// Reads a pattern; every text is one.
    pub fn new(text: &'a str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Self { prefix, open: true },
            None => Self { prefix: text, open: false },
        }
    }

    /// Whether a name is meant.
    pub fn matches(&self, name: &str) -> bool {
        if self.open { name.starts_with(self.prefix) } else { name == self.prefix }
    }

    /// Whether a name is meant, where the cloud ignores case (resource groups).
    pub fn matches_ignoring_case(&self, name: &str) -> bool {
        let head = name.get(..self.prefix.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(self.prefix)) && (self.open || name.len() == self.prefix.len())
    }

    /// Whether some name is meant by both, where the cloud ignores case.
    pub fn overlaps_ignoring_case(&self, other: &Self) -> bool {
        let begins = |long: &str, short: &str| long.get(..short.len()).is_some_and(|head| head.eq_ignore_ascii_case(short));
        match (self.open, other.open) {
            (false, _) => other.matches_ignoring_case(self.prefix),
            (_, false) => self.matches_ignoring_case(other.prefix),
            (true, true) => begins(self.prefix, other.prefix) || begins(other.prefix, self.prefix),
        }
    }

    /// Whether some name is meant by both.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self.open, other.open) {
            (false, _) => other.matches(self.prefix),
            (_, false) => self.matches(other.prefix),
            (true, true) => self.prefix.starts_with(other.prefix) || other.prefix.starts_with(self.prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_ending_and_nothing_else_does() {
        assert!(Pattern::new("contoso-*").matches("contoso-east"));
        assert!(Pattern::new("contoso-*").matches("contoso-"));
        assert!(!Pattern::new("contoso-*").matches("contoso"));
        assert!(!Pattern::new("contoso").matches("contoso-east"));
        assert!(Pattern::new("*").matches(""));
        assert!(!Pattern::new("a*b").matches("axb"));
        assert!(Pattern::new("Contoso-*").matches_ignoring_case("contoso-US"));
        assert!(!Pattern::new("é*").matches_ignoring_case("e"));
    }

    proptest! {
        #[test]
        fn patterns_that_do_not_overlap_share_no_name(a in "[ab]{0,3}[*]?", b in "[ab]{0,3}[*]?", name in "[ab]{0,5}") {
            let (a, b) = (Pattern::new(&a), Pattern::new(&b));
            prop_assert_eq!(a.overlaps(&b), b.overlaps(&a));
            if !a.overlaps(&b) {
                prop_assert!(!(a.matches(&name) && b.matches(&name)));
            }
        }

        #[test]
        fn patterns_overlap_as_their_lower_case_does(a in "[aAb]{0,3}[*]?", b in "[aBb]{0,3}[*]?") {
            let (lower_a, lower_b) = (a.to_lowercase(), b.to_lowercase());
            let expected = Pattern::new(&lower_a).overlaps(&Pattern::new(&lower_b));
            prop_assert_eq!(Pattern::new(&a).overlaps_ignoring_case(&Pattern::new(&b)), expected);
        }
    }
}
