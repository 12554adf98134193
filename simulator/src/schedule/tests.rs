use super::*;

impl Schedule {
    /// The same, but that whoever reads this message panics.
    pub(crate) fn with_a_pitfall(mut self, index: usize) -> Self {
        self.lines[index].length = u32::MAX;
        self
    }
}

fn written_as(format: Format, message: &str, times: Times) -> String {
    let mut builder = ScheduleBuilder::default();
    builder.push(&Name::new("md").unwrap(), format, 0, message.as_bytes()).unwrap();
    let mut out = Vec::new();
    builder.build().write(0, times, &mut out);
    String::from_utf8(out).unwrap()
}

fn written(message: &str, times: Times) -> String {
    written_as(Format::Json, message, times)
}

#[test]
fn times_of_the_envelope_are_rewritten_and_nothing_else() {
    let message =
        r#"{"occurred_at":40,"event_id":"md:match:1","generated_at": 100 ,"body":{"generated_at":100}}"#;
    assert_eq!(
        written(message, Times::Generated(Timestamp(1_000))),
        r#"{"occurred_at":940,"event_id":"md:match:1","generated_at": 1000 ,"body":{"generated_at":100}}"#
    );
    assert_eq!(written(message, Times::AsWritten), message);
}

#[test]
fn times_of_an_xml_envelope_are_rewritten_and_nothing_else() {
    let message = "<incident occurred_at='40'\n event_id=\"md:match:1\" generated_at = \"100\">\n<a generated_at='100'/></incident>";
    assert_eq!(
        written_as(Format::Xml, message, Times::Generated(Timestamp(1_000))),
        "<incident occurred_at='940'\n event_id=\"md:match:1\" generated_at = \"1000\">\n<a generated_at='100'/></incident>"
    );
    assert_eq!(written_as(Format::Xml, message, Times::AsWritten), message);
    let document = format!("\u{feff}<?xml version='1.0'?>\n{message}");
    assert_eq!(written_as(Format::Xml, &document, Times::AsWritten), message);
    for message in ["not xml", "<alive generated_at='noon'/>", "<alive generated_at=5/>"] {
        assert_eq!(written_as(Format::Xml, message, Times::Generated(Timestamp(1_000))), message);
    }
}

#[test]
fn an_event_keeps_to_one_format() {
    let mut builder = ScheduleBuilder::default();
    let md = Name::new("md").unwrap();
    builder.push(&md, Format::Json, 0, br#"{"event_id":"md:match:1"}"#).unwrap();
    builder.push(&md, Format::Xml, 0, b"<alive event_id='md:match:2'/>").unwrap();
    let other = builder.push(&md, Format::Xml, 0, b"<alive event_id='md:match:1'/>");
    assert_eq!(other, Err(ScheduleError::Format));
}

#[test]
fn a_provider_as_a_whole_may_speak_in_several() {
    let mut builder = ScheduleBuilder::default();
    let md = Name::new("md").unwrap();
    builder.push(&md, Format::Json, 0, b"not json").unwrap();
    builder.push(&md, Format::Xml, 0, b"<alive generated_at='5'/>").unwrap();
    builder.push(&md, Format::Json, 0, br#"{"generated_at":5}"#).unwrap();
    builder.push(&md, Format::Json, 0, br#"{"event_id":"seven"}"#).unwrap();
    builder.push(&md, Format::Xml, 0, b"<alive event_id='seven'/>").unwrap();
    let schedule = builder.build();
    let formats: Vec<Format> = schedule.channels().iter().map(|channel| channel.format).collect();
    assert_eq!(formats, [Format::Json, Format::Xml]);
    assert_eq!([0, 1, 2, 3, 4].map(|index| schedule.channel(index)), [0, 1, 0, 0, 1]);
}

#[test]
fn a_message_without_times_or_that_is_no_json_is_sent_as_it_is() {
    for message in [r#"{"event_id":"md:match:1"}"#, r#"{"generated_at":"noon","occurred_at":1}"#, "not json"]
    {
        assert_eq!(written(message, Times::Generated(Timestamp(1_000))), message);
    }
}

#[test]
fn what_is_not_one_line_is_refused() {
    let push = |message| ScheduleBuilder::default().push(&Name::new("md").unwrap(), Format::Json, 0, message);
    assert_eq!(push(b"{\n}"), Err(ScheduleError::LineFeed));
    assert_eq!(push(b" \r"), Err(ScheduleError::Blank));
}

#[test]
fn messages_due_together_keep_their_order() {
    let mut builder = ScheduleBuilder::default();
    let md = Name::new("md").unwrap();
    for (offset_ns, message) in [(5, "a"), (0, "b"), (5, "c"), (0, "d")] {
        builder.push(&md, Format::Json, offset_ns, message.as_bytes()).unwrap();
    }
    let schedule = builder.build();
    let order: Vec<&[u8]> = (0..schedule.len()).map(|index| schedule.message(index)).collect();
    assert_eq!(order, [b"b", b"d", b"a", b"c"]);
    assert_eq!(schedule.duration_ns(), 5);
}

#[test]
fn an_event_is_one_channel_per_provider() {
    let mut builder = ScheduleBuilder::default();
    for provider in ["md", "nhl", "md"] {
        builder
            .push(&Name::new(provider).unwrap(), Format::Json, 0, br#"{"event_id":"md:match:1"}"#)
            .unwrap();
    }
    let schedule = builder.build();
    assert_eq!(schedule.channels().len(), 2);
    assert_eq!((schedule.channel(0), schedule.channel(1), schedule.channel(2)), (0, 1, 0));
}
