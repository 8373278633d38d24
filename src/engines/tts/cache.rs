//! Phrases that were said before: a greeting or a frequent question starts at once.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::audio::Rate;
use crate::conversation::event::Synthesis;
use crate::language::Language;

/// Longer texts are not kept: they are read-backs, which come once. Bytes of UTF-8; chosen.
const LONGEST_TEXT: usize = 240;

type Key = (Language, Rate, String);

/// Sound by language, rate and text; the one longest not asked for goes first.
pub(super) struct Cache {
    room: usize,
    held: usize,
    phrases: BTreeMap<Key, Arc<[i16]>>,
    /// Oldest use first.
    used: VecDeque<Key>,
}

impl fmt::Debug for Cache {
    /// What callers were told stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("held", &self.held).field("room", &self.room).finish_non_exhaustive()
    }
}

impl Cache {
    /// Room for so much sound.
    pub(super) fn of_kib(kib: usize) -> Self {
        Self::new(kib * 1024 / size_of::<i16>())
    }

    /// Room for so many samples.
    fn new(room: usize) -> Self {
        Self { room, held: 0, phrases: BTreeMap::new(), used: VecDeque::new() }
    }

    fn get(&mut self, request: &Synthesis) -> Option<Arc<[i16]>> {
        let key = key(request);
        let samples = self.phrases.get(&key).cloned()?;
        self.used.retain(|used| *used != key);
        self.used.push_back(key);
        Some(samples)
    }

    fn put(&mut self, request: &Synthesis, samples: Arc<[i16]>) {
        if request.text.len() > LONGEST_TEXT || samples.is_empty() || samples.len() > self.room {
            return;
        }
        let key = key(request);
        if let Some(before) = self.phrases.remove(&key) {
            self.held -= before.len();
            self.used.retain(|used| *used != key);
        }
        while self.held + samples.len() > self.room || self.phrases.len() >= MOST_PHRASES {
            let Some(oldest) = self.used.pop_front() else { break };
            self.held -= self.phrases.remove(&oldest).map_or(0, |s| s.len());
        }
        self.held += samples.len();
        self.phrases.insert(key.clone(), samples);
        self.used.push_back(key);
    }
}

/// One cache for all calls.
#[derive(Debug)]
pub(super) struct SharedCache(Mutex<Cache>);

impl SharedCache {
    pub(super) fn new(cache: Cache) -> Self {
        Self(Mutex::new(cache))
    }

    /// The sound of a phrase said before.
    pub(super) fn get(&self, request: &Synthesis) -> Option<Arc<[i16]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(request)
    }

    /// Keeps a phrase that was said whole.
    pub(super) fn put(&self, request: &Synthesis, samples: Vec<i16>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(request, samples.into());
    }
}

/// So that finding the oldest stays cheap. Chosen.
const MOST_PHRASES: usize = 1024;

fn key(request: &Synthesis) -> Key {
    (request.language, request.rate, request.text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RequestId;

    fn asked(text: &str) -> Synthesis {
        Synthesis { id: RequestId(1), language: Language::English, text: text.into(), rate: Rate::HZ_8000 }
    }

    #[test]
    fn the_phrase_longest_not_asked_for_makes_room() {
        let mut cache = Cache::new(300);
        for text in ["one", "two", "three"] {
            cache.put(&asked(text), vec![1; 100].into());
        }
        assert!(cache.get(&asked("one")).is_some());
        cache.put(&asked("four"), vec![1; 100].into());
        assert!(cache.get(&asked("two")).is_none());
        assert!(cache.get(&asked("one")).is_some());
        assert_eq!(cache.held, 300);
    }

    #[test]
    fn a_phrase_at_another_rate_is_another_phrase() {
        let mut cache = Cache::new(300);
        cache.put(&asked("one"), vec![1; 100].into());
        assert!(cache.get(&Synthesis { rate: Rate::HZ_16000, ..asked("one") }).is_none());
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let mut cache = Cache::new(0);
        cache.put(&asked("one"), vec![1; 100].into());
        assert!(cache.get(&asked("one")).is_none());
    }
}
