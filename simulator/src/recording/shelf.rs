//! A shelf: a folder of recordings that may be named by who is not let near other files.

use std::fs::File;
use std::io::BufReader;
use std::path::{Component, Path, PathBuf};

use domain::EventId;

use super::{Reader, RecordingError};
use crate::format::Format;

/// Files of recordings end so.
pub const ENDING: &str = "rec";

/// A folder; names lead to what lies in it, or below, and to nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelf(PathBuf);

/// Where something is said of an event.
#[derive(Debug, Default)]
pub struct Holding {
    /// The first sound recording in which it is: its name, and where that is.
    pub sound: Option<(String, PathBuf)>,
    /// The first one before that which says something of it, and is damaged, and how.
    pub damaged: Option<(String, RecordingError)>,
}

/// Why a name leads to no recording.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// It leads elsewhere.
    #[error("`{0}` is no name of a recording: a relative path without `..` that ends in `.rec`")]
    Name(String),
    /// There is nothing of that name, or it cannot be read.
    #[error("cannot read {0}: {1}")]
    File(String, std::io::Error),
    /// What is there is no recording.
    #[error("{0}: {1}")]
    Recording(String, RecordingError),
}

impl Shelf {
    /// The recordings of a folder.
    #[must_use]
    pub fn of(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Where the recording of this name is.
    ///
    /// # Errors
    /// When the name leads out of the folder, or is none of a recording.
    pub fn path(&self, name: &str) -> Result<PathBuf, ShelfError> {
        let path = Path::new(name);
        let stays = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if stays && path.extension().is_some_and(|ending| ending == ENDING) {
            Ok(self.0.join(path))
        } else {
            Err(ShelfError::Name(name.to_owned()))
        }
    }

    /// The recording of this name.
    ///
    /// # Errors
    /// As those of [`Shelf::path`]; and when there is none.
    pub fn open(&self, name: &str) -> Result<Reader<BufReader<File>>, ShelfError> {
        let file = File::open(self.path(name)?).map_err(|error| ShelfError::File(name.to_owned(), error))?;
        Reader::new(BufReader::with_capacity(256 * 1024, file))
            .map_err(|error| ShelfError::Recording(name.to_owned(), error))
    }

    /// The first recording of those that lie in the folder itself in which something is said of an event, and which can be read to
    /// its end. Files that are none, or are damaged, are passed over.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn holding(&self, event_id: &EventId) -> std::io::Result<Holding> {
        let mut holding = Holding::default();
        for name in self.names()? {
            match self.holds(&name, event_id) {
                (false, _) => {}
                (true, Ok(())) => {
                    let path = self.0.join(&name);
                    holding.sound = Some((name, path));
                    break;
                }
                (true, Err(error)) => {
                    tracing::warn!(%event_id, name, %error, "a damaged recording is passed over");
                    holding.damaged.get_or_insert((name, error));
                }
            }
        }
        Ok(holding)
    }

    /// Whether a recording says something of an event; where it does, whether it can be read to its end.
    fn holds(&self, name: &str, event_id: &EventId) -> (bool, Result<(), RecordingError>) {
        let Ok(mut recording) = self.open(name) else { return (false, Ok(())) };
        let Some(format) = Format::of_content_type(&recording.header().content_type) else {
            return (false, Ok(()));
        };
        let is_of_it =
            |bytes: &[u8]| format.envelope(bytes).and_then(|it| it.event_id) == Some(event_id.as_str());
        let mut holds = false;
        let end = recording
            .try_for_each(|message| message.map(|message| holds = holds || is_of_it(&message.bytes)));
        (holds, end)
    }

    /// The names of what lies in the folder itself, in order.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn names(&self) -> std::io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.0)? {
            let name = entry?.file_name().into_string();
            names.extend(name.ok().filter(|name| Path::new(name).extension().is_some_and(|it| it == ENDING)));
        }
        names.sort();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_found_however_many_recordings_are_there() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..1_200 {
            File::create(folder.path().join(format!("a{number}.rec"))).unwrap();
        }
        let golden = include_str!("../../../domain/golden/v1/odds_change.json").trim();
        let md = domain::Name::new("md").unwrap();
        let mut builder = crate::ScheduleBuilder::default();
        builder.push(&md, Format::Json, 0, golden.as_bytes()).unwrap();
        let file = File::create(folder.path().join("z.rec")).unwrap();
        builder
            .build()
            .record(crate::recording::Header::new(md, Format::Json, "a game", None), file)
            .unwrap();
        let shelf = Shelf::of(folder.path());
        let found = shelf.holding(&EventId::new("md:match:1001").unwrap()).unwrap();
        assert!(found.damaged.is_none());
        assert_eq!(found.sound.map(|(name, _)| name).as_deref(), Some("z.rec"));
        assert!(shelf.holding(&EventId::new("md:match:1002").unwrap()).unwrap().sound.is_none());
    }

    #[test]
    fn a_damaged_recording_hides_no_sound_one_of_the_same_event() {
        let folder = tempfile::tempdir().unwrap();
        let golden = include_str!("../../../domain/golden/v1/odds_change.json").trim();
        let mut out = std::io::Cursor::new(Vec::new());
        let header =
            crate::recording::Header::new(domain::Name::new("md").unwrap(), Format::Json, "a game", None);
        let mut writer = crate::recording::Writer::new(&mut out, header).unwrap();
        (0..2).for_each(|second| writer.write(second, golden.as_bytes()).unwrap());
        writer.finish().unwrap();
        let sound = out.into_inner();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("a.rec", &sound[..sound.len() - 5]);
        let (shelf, event_id) = (Shelf::of(folder.path()), EventId::new("md:match:1001").unwrap());
        let found = shelf.holding(&event_id).unwrap();
        assert!(found.sound.is_none(), "{found:?}");
        write("b.rec", &sound);
        let found = shelf.holding(&event_id).unwrap();
        assert_eq!(found.sound.map(|(name, _)| name).as_deref(), Some("b.rec"));
        let (name, error) = found.damaged.unwrap();
        assert_eq!(name, "a.rec");
        assert!(matches!(error, RecordingError::Truncated { message: 2, .. }), "{error}");
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let shelf = Shelf::of("/recordings");
        assert_eq!(shelf.path("days/saturday.rec").unwrap(), Path::new("/recordings/days/saturday.rec"));
        for name in ["/etc/passwd.rec", "../saturday.rec", "a/../../b.rec", "saturday.json", "saturday", ""] {
            assert!(matches!(shelf.path(name), Err(ShelfError::Name(_))), "{name}");
        }
        assert!(matches!(shelf.open("nowhere.rec"), Err(ShelfError::File(..))));
    }
}
