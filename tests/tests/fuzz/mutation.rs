//! Inputs near those of a corpus, the same ones each time.

/// What is put in, now and then, in place of chance: where readers count, cut and compare.
const WORDS: [&[u8]; 16] = [
    b"{key}",
    b"{secret}",
    b"{authorization}",
    b"null",
    b"\"\"",
    b"[]",
    b"-1",
    b"9223372036854775807",
    b"1e400",
    b"\\u0000",
    b"\xff",
    "é".as_bytes(),
    b"evil.example",
    b".",
    b"%00",
    b"\n",
];

/// Longer inputs say nothing new.
const LONGEST: usize = 16 * 1024;

/// Mutations of a corpus without end.
pub struct Mutations<'a> {
    corpus: &'a [Vec<u8>],
    chance: u64,
}

impl<'a> Mutations<'a> {
    /// Those of a target; its name is the seed.
    pub fn of(corpus: &'a [Vec<u8>], name: &str) -> Self {
        let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        Self { corpus, chance: seed }
    }

    /// A number below a limit (xorshift64*).
    fn below(&mut self, limit: usize) -> usize {
        self.chance ^= self.chance >> 12;
        self.chance ^= self.chance << 25;
        self.chance ^= self.chance >> 27;
        let drawn = self.chance.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).unwrap_or(0) % limit.max(1)
    }

    fn part(&mut self, of: &[u8]) -> Vec<u8> {
        let from = self.below(of.len());
        let length = 1 + self.below(24);
        of.iter().skip(from).take(length).copied().collect()
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let span = at..(at + 1 + self.below(8)).min(input.len()).max(at);
        match self.below(8) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = b' ' + u8::try_from(self.below(95)).unwrap_or(0),
            2 => input.truncate(at),
            3 => drop(input.drain(span)),
            4 => {
                let own = self.part(&input.clone());
                input.splice(at..at, own);
            }
            5 => {
                let other = self.below(self.corpus.len());
                let others = self.part(&self.corpus[other]);
                input.splice(span, others);
            }
            6 => {
                let other = &self.corpus[self.below(self.corpus.len())];
                let from = self.below(other.len());
                input.splice(at.., other[from..].iter().copied());
            }
            _ => drop(input.splice(at..at, WORDS[self.below(WORDS.len())].iter().copied())),
        }
    }
}

impl Iterator for Mutations<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut input = self.corpus[self.below(self.corpus.len())].clone();
        for _ in 0..=self.below(3) {
            self.mutate(&mut input);
        }
        input.truncate(LONGEST);
        Some(input)
    }
}

#[test]
fn the_same_mutations_come_each_time_and_hardly_one_twice() {
    let corpus = [b"one".to_vec(), b"another one".to_vec()];
    let first: Vec<_> = Mutations::of(&corpus, "sas").take(500).collect();
    assert_eq!(first, Mutations::of(&corpus, "sas").take(500).collect::<Vec<_>>());
    let different: std::collections::BTreeSet<_> = first.iter().collect();
    assert!(different.len() > 300, "only {} of 500 differ", different.len());
}
