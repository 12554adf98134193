//! From a row of the pipeline to the view that tells more of it.

use domain::Sport;

use super::{Ui, View, places};
use crate::model::kafka::Reader;
use crate::model::pipeline::Place;
use crate::model::{Hop, Model};
use crate::source::Part;
use crate::text::Text;

impl Ui {
    /// Shows more of the row that is chosen: what is played, topics, sockets, or what the process logs.
    pub(super) fn drill(&mut self, model: &Model) {
        let places = places(model);
        let Some(place) = places.get(self.place.min(places.len().saturating_sub(1))) else { return };
        match place {
            Place::Simulator => self.view = View::Faults,
            Place::Ingestion => self.look_at_logs(model, Part::Ingestion),
            Place::FeedTopics => self.go_unfiltered(View::Kafka),
            Place::Processors => {
                let worst = model.sports().max_by_key(|sport| model.hop_level(Hop::Processors(*sport)));
                self.look_at_logs(model, Part::Processors(worst.unwrap_or(Sport::Football)));
            }
            Place::Distribution => self.look_at_logs(model, Part::Distribution),
            Place::Sockets => self.view = View::Clients,
            Place::Sport(sport) => {
                self.go_unfiltered(View::Kafka);
                let [of_feed, of_updates] = [Reader::Processors(*sport), Reader::Distribution(*sport)]
                    .map(|reader| model.reader_level(reader));
                let topics = &model.topics;
                let is_of_updates = of_updates > of_feed;
                self.topic = Some(if is_of_updates { topics.updates(*sport) } else { topics.feed(*sport) });
            }
        }
    }

    /// To a view, all of it: what was looked for there before is not what is looked for now.
    fn go_unfiltered(&mut self, view: View) {
        self.view = view;
        self.filters[view.index()].clear();
    }

    /// What a process logs; of all, where it has logged nothing.
    fn look_at_logs(&mut self, model: &Model, part: Part) {
        let name = Text::new(&part.to_string());
        self.go_unfiltered(View::Logs);
        self.logs_from = None;
        let has_logged = model.logs.parts().contains(&&name);
        self.logs_of = has_logged.then_some(name);
    }
}
