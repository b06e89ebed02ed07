//! Numbers of things, as sentences have them.

/// How many there are of something whose plural ends in `s`: `1 device`, `7 devices`.
pub fn counted(count: i64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural_and_none_is() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "device")), ["0 devices", "1 device", "2 devices"]);
    }
}
