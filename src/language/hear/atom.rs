//! The words that numbers are made of, in every form in which they are said.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::super::cardinal::{BELOW_TWENTY, ENGLISH_BELOW_TWENTY, ENGLISH_TENS, HUNDREDS, ONE, TENS, ZERO};
use super::super::{Case, Gender, Language, ordinal_in};

/// One word of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Atom {
    Zero,
    /// English `oh`, a zero only beside other numbers.
    Oh,
    /// 1 to 9.
    Unit(u64),
    /// 10 to 19.
    Teen(u64),
    /// 20 to 90.
    Ten(u64),
    /// 100 to 900; English `hundred` multiplies what stands before.
    Hundred(u64),
    /// A thousand, a million, a milliard.
    Scale(u64),
    /// Russian `полтора`.
    OneAndHalf,
}

impl Atom {
    /// What it adds; none for what multiplies.
    pub(super) fn value(self) -> Option<u64> {
        match self {
            Self::Zero | Self::Oh => Some(0),
            Self::Unit(n) | Self::Teen(n) | Self::Ten(n) | Self::Hundred(n) => Some(n),
            Self::Scale(_) | Self::OneAndHalf => None,
        }
    }

    /// A number goes on only with a smaller rank.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::Hundred(_) => 3,
            Self::Ten(_) => 2,
            Self::Unit(_) | Self::Teen(_) => 1,
            Self::Zero | Self::Oh => 0,
            Self::Scale(_) | Self::OneAndHalf => u8::MAX,
        }
    }

    /// After tens come units, not teens; zero never ends a number.
    pub(super) fn fits_after(self, rank: u8) -> bool {
        !(matches!(self, Self::Teen(_)) && rank == 2 || matches!(self, Self::Zero | Self::Oh))
    }
}

/// The atom that a folded word is, and whether in its ordinal form.
pub(super) fn atom(word: &str, language: Language) -> Option<(Atom, bool)> {
    match language {
        Language::Russian => RUSSIAN.get(word).copied(),
        Language::English => ENGLISH.get(word).copied(),
    }
}

static RUSSIAN: LazyLock<BTreeMap<String, (Atom, bool)>> = LazyLock::new(|| {
    let mut map = BTreeMap::new();
    let mut add = |word: &str, atom: Atom, ordinal: bool| {
        // The first meaning stays: "сорока" is forty before all.
        map.entry(word.replace('ё', "е")).or_insert((atom, ordinal));
    };
    for form in ZERO {
        add(form, Atom::Zero, false);
    }
    for form in ["нуль", "нуля", "нолик", "нулевой"] {
        add(form, Atom::Zero, false);
    }
    for form in ONE.iter().flatten() {
        add(form, Atom::Unit(1), false);
    }
    add("две", Atom::Unit(2), false);
    add("двойка", Atom::Unit(2), false);
    for (n, forms) in (2..).zip(BELOW_TWENTY) {
        for form in forms {
            add(form, if n < 10 { Atom::Unit(n) } else { Atom::Teen(n) }, false);
        }
    }
    for (n, forms) in (2..).zip(TENS) {
        for form in forms {
            add(form, Atom::Ten(n * 10), false);
        }
    }
    for (n, forms) in (1..).zip(HUNDREDS) {
        for form in forms {
            add(form, Atom::Hundred(n * 100), false);
        }
    }
    // As they are swallowed in speech, and so written by some recognisers.
    for (word, atom) in [
        ("пятьсят", Atom::Ten(50)),
        ("писят", Atom::Ten(50)),
        ("шисят", Atom::Ten(60)),
        ("шестьсят", Atom::Ten(60)),
        ("тыща", Atom::Scale(1000)),
        ("тыщи", Atom::Scale(1000)),
        ("тыщ", Atom::Scale(1000)),
        ("полтора", Atom::OneAndHalf),
        ("полторы", Atom::OneAndHalf),
        ("полутора", Atom::OneAndHalf),
    ] {
        add(word, atom, false);
    }
    for (scale, forms) in [
        (
            1000,
            [
                "тысяча",
                "тысячи",
                "тысяче",
                "тысячу",
                "тысячей",
                "тысяч",
                "тысячам",
                "тысячами",
                "тысячах",
                "тыс",
            ],
        ),
        (
            1_000_000,
            [
                "миллион",
                "миллиона",
                "миллиону",
                "миллионом",
                "миллионе",
                "миллионов",
                "миллионам",
                "миллионами",
                "миллионах",
                "млн",
            ],
        ),
    ] {
        for form in forms {
            add(form, Atom::Scale(scale), false);
        }
    }
    for n in (1..20).chain((2..10).map(|n| n * 10)).chain((1..10).map(|n| n * 100)) {
        let atom = match n {
            1..=9 => Atom::Unit(n),
            10..=19 => Atom::Teen(n),
            20..=90 => Atom::Ten(n),
            _ => Atom::Hundred(n),
        };
        for gender in [Gender::Masculine, Gender::Feminine, Gender::Neuter] {
            for case in Case::ALL {
                add(&ordinal_in(n, gender, case, Language::Russian), atom, true);
            }
        }
        // "первые", "первых".
        let masculine = ordinal_in(n, Gender::Masculine, Case::Instrumental, Language::Russian);
        for ending in ["е", "х", "ми"] {
            let stem = masculine.strip_suffix('м').unwrap_or(&masculine);
            add(&format!("{stem}{ending}"), atom, true);
        }
    }
    map
});

static ENGLISH: LazyLock<BTreeMap<String, (Atom, bool)>> = LazyLock::new(|| {
    let mut map = BTreeMap::new();
    for (n, word) in (0..).zip(ENGLISH_BELOW_TWENTY) {
        let atom = match n {
            0 => Atom::Zero,
            1..=9 => Atom::Unit(n),
            _ => Atom::Teen(n),
        };
        map.insert(word.to_owned(), (atom, false));
        if n > 0 {
            map.insert(super::super::ordinal(n, Gender::Masculine, Language::English), (atom, true));
        }
    }
    for (n, word) in (2..).zip(ENGLISH_TENS) {
        map.insert(word.to_owned(), (Atom::Ten(n * 10), false));
        map.insert(
            super::super::ordinal(n * 10, Gender::Masculine, Language::English),
            (Atom::Ten(n * 10), true),
        );
    }
    for (word, atom) in [
        ("oh", Atom::Oh),
        ("o", Atom::Oh),
        ("nought", Atom::Zero),
        ("nil", Atom::Zero),
        ("fourty", Atom::Ten(40)),
        ("hundred", Atom::Hundred(100)),
        ("thousand", Atom::Scale(1000)),
        ("million", Atom::Scale(1_000_000)),
    ] {
        map.insert(word.to_owned(), (atom, false));
    }
    map
});
