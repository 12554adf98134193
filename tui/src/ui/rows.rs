//! The rows of a list that are shown, in the order that was chosen.

use std::cmp::{Ordering, Reverse};

use super::{Sort, Ui, View};
use crate::game::Match;
use crate::model::{Level, Model, TopicHistory};
use crate::source::LogLine;
use crate::text::Text;

impl Ui {
    /// The games that are shown, in their order.
    #[must_use]
    pub fn games<'a>(&self, model: &'a Model) -> Vec<&'a Match> {
        let name = |name: &Option<Text>| name.as_ref().map_or("", |name| name.as_str()).to_lowercase();
        let filter = self.filters[View::Games.index()].to_lowercase();
        let is_wanted = |game: &&Match| {
            filter.is_empty()
                || [
                    game.event_id.as_str(),
                    game.sport.as_str(),
                    game.status.as_str(),
                    game.match_status.as_str(),
                ]
                .iter()
                .any(|text| text.contains(&filter))
                || name(&game.home).contains(&filter)
                || name(&game.away).contains(&filter)
        };
        let mut games: Vec<&Match> = model.games.live.iter().filter(is_wanted).collect();
        match self.games_by {
            Sort::Name => {
                games.sort_by_cached_key(|game| (game.sport, name(&game.home), game.event_id.clone()))
            }
            Sort::Most => games.sort_by_cached_key(|game| {
                let played = game.clock.map(|clock| clock.elapsed_seconds);
                (Reverse((game.match_status, played)), game.event_id.clone())
            }),
            Sort::Busiest => {
                games.sort_by_cached_key(|game| (Reverse(game.version), game.event_id.clone()));
            }
        }
        games
    }

    /// Where the chosen game stands among them: at the top, where it is none of them.
    #[must_use]
    pub fn game_index(&self, games: &[&Match]) -> usize {
        games.iter().position(|game| Some(&game.event_id) == self.game.as_ref()).unwrap_or_default()
    }

    /// The topics that are shown, in their order.
    #[must_use]
    pub fn topics<'a>(&self, model: &'a Model) -> Vec<&'a str> {
        let filter = self.filters[View::Kafka.index()].to_lowercase();
        let is_wanted = |(name, _): &(&String, &TopicHistory)| name.to_lowercase().contains(&filter);
        let mut topics: Vec<_> = model.kafka.topics.iter().filter(is_wanted).collect();
        let now = model.now;
        // Whether anything is written does not move a topic.
        let trouble = |topic: &TopicHistory| model.topic_level(topic).max(Level::Fine);
        match self.topics_by {
            Sort::Name => topics.sort_by_key(|(_, topic)| Reverse(trouble(topic))),
            Sort::Most => topics.sort_by(|(_, one), (_, other)| {
                let lag = |topic: &TopicHistory| model.lag(topic.reader?)?.last(now);
                lag(other).partial_cmp(&lag(one)).unwrap_or(Ordering::Equal)
            }),
            Sort::Busiest => topics.sort_by(|(_, one), (_, other)| {
                let rate = |topic: &TopicHistory| topic.written.rate.last(now).unwrap_or(-1.0);
                rate(other).total_cmp(&rate(one))
            }),
        }
        topics.into_iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Where the chosen topic stands among them: at the top, where it is none of them.
    #[must_use]
    pub fn topic_index(&self, topics: &[&str]) -> usize {
        topics.iter().position(|topic| Some(*topic) == self.topic.as_deref()).unwrap_or_default()
    }

    /// The lines of the log that are shown, oldest first, each with its [number](crate::model::Logs::numbered).
    #[must_use]
    pub fn lines<'a>(&self, model: &'a Model) -> Vec<(u64, &'a LogLine)> {
        let filter = self.filters[View::Logs.index()].to_lowercase();
        let is_wanted = |(_, line): &(u64, &LogLine)| {
            self.logs_of.as_ref().is_none_or(|part| *part == line.part)
                && (filter.is_empty() || line.text.as_str().to_lowercase().contains(&filter))
        };
        model.logs.numbered().filter(is_wanted).collect()
    }

    /// Where the first of them stands that was scrolled to; none while the newest are followed.
    #[must_use]
    pub fn first_line(&self, lines: &[(u64, &LogLine)]) -> Option<usize> {
        self.logs_from.map(|first| lines.partition_point(|(number, _)| *number < first))
    }
}
