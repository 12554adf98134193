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

    /// The first recording of those that lie in the folder itself in which something is said of an event: its name, and where it
    /// is. Files that are none, or are damaged, are passed over.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn holding(&self, event_id: &EventId) -> std::io::Result<Option<(String, PathBuf)>> {
        let holds = |name: &String| {
            let Ok(recording) = self.open(name) else { return false };
            let Some(format) = Format::of_content_type(&recording.header().content_type) else {
                return false;
            };
            recording.map_while(Result::ok).any(|message| {
                format.envelope(&message.bytes).and_then(|it| it.event_id) == Some(event_id.as_str())
            })
        };
        let found = self.names()?.into_iter().find(holds);
        Ok(found.map(|name| (name.clone(), self.0.join(name))))
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
        assert_eq!(found.map(|(name, _)| name).as_deref(), Some("z.rec"));
        assert_eq!(shelf.holding(&EventId::new("md:match:1002").unwrap()).unwrap(), None);
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
