#![allow(clippy::unwrap_used)]

use super::*;
use crate::conversation::event::Briefing;
use crate::ids::RequestId;
use crate::language::Language;

/// Says the same at every request; with nothing to say, its queue is full.
#[derive(Debug)]
struct Scripted(Vec<Thought>);

impl Thinking for Scripted {
    fn complete(&self, request: Completion, _cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
        if self.0.is_empty() {
            return Err(Full);
        }
        for piece in self.0.clone() {
            inbox.try_send(Input::Completed { id: request.id, piece }).unwrap();
        }
        Ok(())
    }
}

fn words(text: &str) -> Thought {
    Thought::Delta { text: text.into() }
}

fn failed() -> Thought {
    Thought::Failed { fault: EngineFault::TimedOut }
}

fn call() -> Thought {
    Thought::ToolCall { call_ref: "a".into(), tool: "find_products".into(), arguments: "{}".into() }
}

fn fallback(primary: Vec<Thought>) -> Fallback {
    let rules = Arc::new(Scripted(vec![words("By the rules. "), Thought::Done]));
    Fallback::new(Arc::new(Scripted(primary)), rules, ("openai", "rules"), Handle::current())
}

async fn answer(fallback: &Fallback) -> Vec<Thought> {
    let request = Completion {
        id: RequestId(9),
        language: Language::English,
        briefing: Briefing::default(),
        history: Vec::new(),
        tools: Vec::new(),
    };
    let (inbox, mut outbox) = mpsc::channel(64);
    fallback.complete(request, CancellationToken::new(), inbox).unwrap();
    let mut pieces = Vec::new();
    while let Some(Input::Completed { id: RequestId(9), piece }) = outbox.recv().await {
        pieces.push(piece);
    }
    pieces
}

fn spoken(pieces: &[Thought]) -> String {
    let text = |piece: &Thought| match piece {
        Thought::Delta { text } => text.clone(),
        Thought::FellBack { .. } => "| ".into(),
        _ => String::new(),
    };
    pieces.iter().map(text).collect()
}

#[tokio::test]
async fn an_answer_that_is_whole_comes_through_with_its_calls() {
    let pieces =
        answer(&fallback(vec![words("Let me "), words("see. And"), words(" so"), call(), Thought::Done]))
            .await;
    assert_eq!(spoken(&pieces), "Let me see.\nAnd so\n");
    assert_eq!(pieces[pieces.len() - 2..], [call(), Thought::Done]);
}

#[tokio::test]
async fn the_rules_answer_when_nothing_was_said() {
    let pieces = answer(&fallback(vec![failed()])).await;
    assert_eq!(spoken(&pieces), "| By the rules. ");
    assert_eq!(pieces.last(), Some(&Thought::Done));
}

#[tokio::test]
async fn half_a_clause_and_a_call_that_was_cut_off_are_dropped() {
    let pieces = answer(&fallback(vec![words("We have two. They co"), call(), failed()])).await;
    assert_eq!(spoken(&pieces), "We have two.\n| By the rules. ");
    assert!(!pieces.contains(&call()));
}

#[tokio::test]
async fn a_question_that_was_said_whole_is_left_to_be_answered() {
    let pieces = answer(&fallback(vec![words("How many do you need? I"), failed()])).await;
    assert_eq!(spoken(&pieces), "How many do you need?\n| ");
    assert_eq!(pieces.last(), Some(&Thought::Done));
}

#[tokio::test]
async fn a_full_queue_and_a_thinker_at_rest_are_not_waited_for() {
    let fallback = fallback(Vec::new());
    for _ in 0..5 {
        assert_eq!(spoken(&answer(&fallback).await), "| By the rules. ");
    }
    assert!(!fallback.breaker.admits());
}

#[tokio::test]
async fn a_cancelled_request_ends_without_a_last_piece() {
    #[derive(Debug)]
    struct Silent;
    impl Thinking for Silent {
        fn complete(&self, _: Completion, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
            tokio::spawn(async move {
                cancel.cancelled().await;
                drop(inbox);
            });
            Ok(())
        }
    }
    let rules = Arc::new(Scripted(vec![Thought::Done]));
    let fallback = Fallback::new(Arc::new(Silent), rules, ("openai", "rules"), Handle::current());
    let (inbox, mut outbox) = mpsc::channel(8);
    let request = Completion {
        id: RequestId(9),
        language: Language::English,
        briefing: Briefing::default(),
        history: Vec::new(),
        tools: Vec::new(),
    };
    let cancel = CancellationToken::new();
    fallback.complete(request, cancel.clone(), inbox).unwrap();
    cancel.cancel();
    assert!(outbox.recv().await.is_none());
    assert!(fallback.breaker.admits());
}
