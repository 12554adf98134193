//! Dead letters of messages that are ordered by their times, as long as nothing has put them right.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::letter::LetterMark;
use crate::limit::{AHEAD_MICROS_MAX, LETTERS_MAX};
use crate::refused::Asked;

/// The messages that were refused and lie among the dead letters. Whatever they said may concern every offer that is not later.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Letters {
    #[serde(default, rename = "refused_at", skip_serializing_if = "BTreeSet::is_empty")]
    open: BTreeSet<OpenLetter>,
    /// The time of the last one for which there was no room: nothing that was offered until then opens again.
    #[serde(default, rename = "refused_until", skip_serializing_if = "Option::is_none")]
    forgotten_until: Option<Timestamp>,
    /// The last one that a recovery of the event may make good.
    #[serde(default, rename = "refused_unasked", skip_serializing_if = "Option::is_none")]
    unasked: Option<Unasked>,
    /// Whether one is among them, or was, of which nobody can tell whether a recovery brought it: another may be what that brought.
    #[serde(default, rename = "refused_unread", skip_serializing_if = "std::ops::Not::not")]
    is_unread: bool,
}

/// A message that was refused, as its event hears of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Letter {
    /// When it was made.
    pub(crate) said_at: Timestamp,
    /// By what it is known, where that is told.
    pub(crate) mark: Option<LetterMark>,
    /// Whether it answers a recovery.
    pub(crate) asked: Asked,
}

/// A letter that answers no recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Unasked {
    /// Offers up to then are shut by it.
    said_at: Timestamp,
    /// From when on what a recovery brings is later than that, by the provider's clock, too.
    since: Timestamp,
}

/// A dead letter that nothing has put right yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "StoredLetter", into = "StoredLetter")]
struct OpenLetter {
    said_at: Timestamp,
    /// Several messages may have one time. Where this is not known they cannot be told apart.
    mark: Option<LetterMark>,
}

/// How a letter is stored: its time, and where it has a mark, both.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StoredLetter {
    Unmarked(Timestamp),
    Marked(Timestamp, LetterMark),
}

impl From<StoredLetter> for OpenLetter {
    fn from(stored: StoredLetter) -> Self {
        match stored {
            StoredLetter::Unmarked(said_at) => Self { said_at, mark: None },
            StoredLetter::Marked(said_at, mark) => Self { said_at, mark: Some(mark) },
        }
    }
}

impl From<OpenLetter> for StoredLetter {
    fn from(OpenLetter { said_at, mark }: OpenLetter) -> Self {
        mark.map_or(Self::Unmarked(said_at), |mark| Self::Marked(said_at, mark))
    }
}

impl Letters {
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.forgotten_until.is_none()
    }

    /// Takes note of a letter; says whether that is news.
    pub(crate) fn add(&mut self, Letter { said_at, mark, asked }: Letter, at: Timestamp) -> bool {
        // Sent once more it may have got another time, where its own could not be read: the later one shuts more.
        let known = self.open.iter().find(|known| mark.is_some() && known.mark == mark).copied();
        if known.is_some_and(|known| known.said_at >= said_at) {
            return false;
        }
        if let Some(known) = known {
            self.open.remove(&known);
        }
        let is_news = self.insert(OpenLetter { said_at, mark });
        let may_ask = match asked {
            Asked::No => true,
            Asked::Unknown => !std::mem::replace(&mut self.is_unread, true),
            Asked::Yes => false,
        };
        if is_news && may_ask {
            let ahead = said_at.micros_since(at).clamp(0, AHEAD_MICROS_MAX);
            self.unasked = self.unasked.max(Some(Unasked { said_at, since: at.plus_micros(2 * ahead) }));
        }
        is_news
    }

    fn insert(&mut self, letter: OpenLetter) -> bool {
        let is_news = self.open.insert(letter);
        while self.open.len() > LETTERS_MAX {
            let forgotten = self.open.pop_first().map(|forgotten| forgotten.said_at);
            self.forgotten_until = self.forgotten_until.max(forgotten);
        }
        is_news
    }

    /// Takes note of all of these.
    pub(crate) fn add_all(&mut self, letters: Self) {
        self.forgotten_until = self.forgotten_until.max(letters.forgotten_until);
        self.unasked = self.unasked.max(letters.unasked);
        self.is_unread |= letters.is_unread;
        for letter in letters.open {
            self.insert(letter);
        }
    }

    /// Whether there is one that no recovery has brought.
    pub(crate) fn has_unasked(&self) -> bool {
        self.unasked.is_some()
    }

    /// Since when a recovery may be asked for what the last letter that none has brought may have said of an offer of this time;
    /// `None` where that letter is put right, or says nothing of it.
    pub(crate) fn unasked_since(&self, offered_at: Timestamp) -> Option<Timestamp> {
        self.unasked.filter(|letter| letter.said_at >= offered_at).map(|letter| letter.since)
    }

    /// A letter with this mark has been put right; says whether there was one.
    pub(crate) fn put_right(&mut self, mark: LetterMark) -> bool {
        let before = self.open.len();
        self.open.retain(|letter| letter.mark != Some(mark));
        self.forget_unasked();
        self.open.len() < before
    }

    /// A letter of this time has been put right, and nobody has said which, or it has a mark that none of them has; says
    /// whether there was one. Of several one stands for each that has not been put right.
    pub(crate) fn put_right_at(&mut self, said_at: Timestamp, has_mark: bool) -> bool {
        let is_it = |letter: &&OpenLetter| letter.said_at == said_at && !(has_mark && letter.mark.is_some());
        let first = self.open.iter().find(is_it).copied();
        let is_there = first.is_some_and(|first| self.open.remove(&first));
        self.forget_unasked();
        is_there
    }

    /// What is put right need not be asked for.
    fn forget_unasked(&mut self) {
        let last = self.open.last().map(|last| last.said_at);
        self.unasked = self.unasked.filter(|letter| last >= Some(letter.said_at));
    }

    /// Whether one of them may have concerned an offer of this time.
    pub(crate) fn has_since(&self, offered_at: Timestamp) -> bool {
        let last = self.open.last().map(|last| last.said_at);
        last.max(self.forgotten_until).is_some_and(|last| last >= offered_at)
    }
}
