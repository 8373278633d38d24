#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn every_mistake_of_a_file_is_told_with_its_line() {
    let text = r#"colour = "red"
[[units]]
forms = "комплект"
pieces = 0

[[units]]
forms = 5
piece = 1

[[attributes]]
key = "size"
parts = ["width"]
[attributes.marks]
height = "высота"

[[attributes]]
key = "size"

[[answers]]
key = "hours"
asked = { ru = ["(до", "до скольки"] }
say = { ru = "Мы открыты {houres}" }

[hours]
mon = "9-20"
tue = "20:00-9:00"
wed = "9:00-20:00"

[limits]
pieces = 100
lines = "ten"
"#;
    let problems = Profile::parse(text).unwrap_err();
    let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
    for line in [1, 4, 7, 8, 12, 17, 21, 22, 25, 26, 30, 31] {
        assert!(lines.contains(&line) || line == 12 && lines.contains(&13), "{line} of {problems:#?}");
    }
}

#[test]
fn what_is_no_toml_is_told_too() {
    for text in
        ["[[units]\n", "a = 1\na = 2\n", "[hours]\nmon = \"9:00-20:00\nsun = 1", "\u{0}", "limits = 3"]
    {
        assert!(!Profile::parse(text).unwrap_err().is_empty(), "{text}");
    }
    assert!(Profile::parse("").is_ok());
}

#[test]
fn hours_are_read() {
    assert_eq!(opening("9:00-20:30"), Ok(Some((540, 1230))));
    assert_eq!(opening("0:00-24:00"), Ok(Some((0, 1440))));
    assert_eq!(opening("closed"), Ok(None));
    assert_eq!(opening(""), Ok(None));
    for wrong in ["9", "9-20", "25:00-26:00", "9:60-10:00", "20:00-9:00", "a:b-c:d", "9:00-", "-"] {
        assert!(opening(wrong).is_err(), "{wrong}");
    }
}
