//! The corpora were written by another hand than the code's, to build from: `Y` is plain agreement to "everything right,
//! shall I place the order?", `N` is not. What was never built from is in `conversation/tests/gate`.

use super::*;

const READ_BACK: [&str; 2] = [
    "Проверьте, пожалуйста, заказ. Мишлен зимняя, четыре штуки, по семь тысяч четыреста рублей. Доставка: Москва, улица \
     Ленина, дом двенадцать. Стоимость доставки четыреста рублей, срок два-четыре дня. Оплата картой при получении. Итого \
     тридцать тысяч рублей.",
    "Let me read your order back. Michelin winter tires, four pieces, seven thousand four hundred rubles each. Delivery to \
     twelve Lenin Street, Moscow. The delivery costs four hundred rubles and takes two to four days. Payment by card on \
     delivery. The total is thirty thousand rubles.",
];

fn agrees(text: &str, language: Language) -> bool {
    !artefact::is_artefact(text) && matches!(reply(text, READ_BACK[language as usize]), Reply::Agreed { .. })
}

#[test]
fn what_is_no_plain_agreement_is_never_taken_for_one_and_most_agreement_is() {
    let mut wrongly = Vec::new();
    for (language, corpus) in [
        (Language::Russian, include_str!("corpus_ru.txt")),
        (Language::English, include_str!("corpus_en.txt")),
    ] {
        let (mut taken, mut all, mut wrong) = (0, 0, Vec::new());
        for line in corpus.lines().filter(|line| !line.is_empty()) {
            let (class, text) = line.split_once('\t').expect("a class and an utterance");
            let agreed = agrees(text, language);
            match class {
                "Y" => {
                    all += 1;
                    taken += usize::from(agreed);
                    if !agreed && std::env::var_os("CORPUS_MISSES").is_some() {
                        eprintln!("missed: {text}");
                    }
                }
                "N" if agreed => wrong.push(text),
                "N" => {}
                class => panic!("expected Y or N, found {class:?}"),
            }
        }
        eprintln!("{language:?}: {taken} of {all} taken for agreement, {} wrongly", wrong.len());
        wrongly.extend(wrong);
    }
    assert!(wrongly.is_empty(), "{wrongly:#?}");
}
