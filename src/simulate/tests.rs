use std::path::{Path, PathBuf};

use super::*;
use crate::language::Language;
use crate::simulate::book::Book;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name)
}

fn props(language: Language, which: &str) -> Props {
    let phrases = format!("phrases/{}-{which}.toml", language.code());
    Props {
        shop: sample("shop/tyres.toml"),
        phrases: vec![sample(&phrases), sample("phrases/goods-tyres.toml"), sample("phrases/noise.toml")],
        language,
        noise_permille: 0,
    }
}

fn stage(language: Language) -> Stage {
    Stage::set(&props(language, "dev")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_sample_phrases_are_well_formed_and_many_and_no_phrase_is_in_both_files() {
    for language in Language::ALL {
        let book = |which: &str| {
            let Props { phrases, .. } = props(language, which);
            Book::load(&phrases, language).unwrap_or_else(|error| panic!("{error}"))
        };
        let (dev, heldout) = (book("dev"), book("heldout"));
        for (act, _) in acts::ACTS {
            for (book, name) in [(&dev, "dev"), (&heldout, "heldout")] {
                assert!(book.acts[*act].len() >= 12, "{language:?} {name} {act}: {}", book.acts[*act].len());
            }
            // A bare slot ("{goods}") is everybody's.
            let same = dev.acts[*act].iter().filter(|phrase| !phrase.words().is_empty());
            let same: Vec<_> = same.filter(|phrase| heldout.acts[*act].contains(phrase)).collect();
            assert!(same.is_empty(), "{language:?} {act}: {same:?}");
        }
    }
}

#[test]
fn what_is_wrong_with_files_is_told_all_at_once_with_file_and_line() {
    let text = "language = \"ru\"\n[acts]\nwant = [\"хочу {товар}\",\n  \"хочу {city}\"]\nfly = [\"лечу\"]\n[words]\nmoney = [1]\n[what]\n";
    let Err(Mistakes(told)) = Book::of(&[("a.toml".into(), text.to_owned())], Language::Russian) else {
        panic!("expected mistakes");
    };
    for (line, what) in [
        (3, "the name of a slot"),
        (4, "{city}"),
        (5, "\"fly\""),
        (7, "\"money\""),
        (7, "a text in quotes"),
        (8, "\"what\""),
    ] {
        let found =
            told.iter().any(|told| told.starts_with(&format!("a.toml:{line}:")) && told.contains(what));
        assert!(found, "{line} {what}: {told:#?}");
    }
}

#[test]
fn a_call_is_drawn_from_its_seed_alone_and_three_share_a_goal() {
    let stage = stage(Language::Russian);
    let seeds: Vec<u64> = (0..6).map(|n| call_seed(7, n)).collect();
    assert_eq!(stage.goal(seeds[0]), stage.goal(seeds[2]));
    assert_ne!(stage.goal(seeds[0]), stage.goal(seeds[3]));
    assert_eq!(stage.play(seeds[4]), stage.play(seeds[4]));
    let goals: Vec<_> = (0..300).filter_map(|n| stage.goal(call_seed(1, n * 3))).collect();
    for kind in ["one_line", "lines", "change", "cancel", "status"] {
        assert!(goals.iter().any(|goal| goal.kind.name() == kind), "{kind}");
    }
    let (one, two) = (run(&stage, 4, 3, 1), run(&stage, 4, 3, 2));
    assert_eq!(one.json(), two.json());
}

/// A floor for the success of this shop and language, in percent.
fn floor(shop: &str, language: Language) -> u64 {
    let text = std::fs::read_to_string(sample("phrases/floor.txt")).expect("the floors");
    let row = format!("{shop} {} ", language.code());
    let found = text.lines().find_map(|line| line.strip_prefix(&row));
    found.and_then(|percent| percent.trim().parse().ok()).expect("a floor")
}

#[test]
fn every_call_ends_and_no_order_is_wrong() {
    // An unoptimised build plays ten calls a second.
    let calls = if cfg!(debug_assertions) { 60 } else { 200 };
    for language in Language::ALL {
        let report = run(&stage(language), calls, 11, 2);
        eprintln!("{language:?}\n{}", report.table());
        assert_eq!(report.calls() as u64, calls);
        let wrong: Vec<_> = report.failures().into_iter().filter(|call| call.wrong.is_some()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(report.success_permille() >= floor("tyres", language) * 10, "{}", report.success_permille());
    }
}
