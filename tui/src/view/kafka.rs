//! Topics with what waits in them, whether that grows and when it will be gone; below, the same of each partition of the one that is chosen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Span;
use ratatui::widgets::{Cell, Row, Table, TableState};

use super::{Scene, chart, draw_excerpt, format, level_span, nothing, right, title};
use crate::model::series::Series;
use crate::model::{PartitionHistory, TopicHistory, kafka};
use crate::theme::Tone;
use crate::ui::Sort;

/// Columns of the topics before the sparkline.
const TOPIC: [u16; 7] = [12, 25, 7, 7, 7, 7, 8];

/// Columns of the partitions before the bar.
const PARTITION: [u16; 9] = [10, 10, 9, 7, 8, 7, 7, 5, 6];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    let Scene { model, ui, .. } = scene;
    let topics = ui.topics(model);
    let by = match ui.topics_by {
        Sort::Name => "name, the worst first",
        Sort::Most => "lag",
        Sort::Busiest => "messages a second",
    };
    let text = format!("{} topics, by {by}", topics.len());
    let chosen = topics.get(ui.topic_index(&topics)).copied();
    let history = chosen.and_then(|name| model.kafka.topics.get(name));
    let below = history.map_or(0, |history| history.partitions.len() + 3);
    let below = u16::try_from(below).unwrap_or(u16::MAX).min(area.height / 2);
    let [above, list, partitions] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(below)]).areas(area);
    frame.render_widget(title(&text, Some(&model.kafka.contact), scene), above);
    if !model.kafka.is_asked {
        return nothing(frame, list, "the address of Kafka is not known", scene);
    }
    if model.kafka.topics.is_empty() {
        return nothing(frame, list, "no topic of ours is known", scene);
    }
    if topics.is_empty() {
        return nothing(frame, list, "no topic has that in its name; Esc drops the filter", scene);
    }
    draw_topics(frame, list, &topics, scene);
    if let Some((name, history)) = chosen.zip(history) {
        draw_partitions(frame, partitions, name, history, scene);
    }
}

fn draw_topics(frame: &mut Frame<'_>, area: Rect, topics: &[&str], scene: Scene<'_>) {
    let Scene { model, ui, theme } = scene;
    let used: u16 = TOPIC.iter().map(|width| width + 1).sum();
    let bars = usize::from(area.width.saturating_sub(used + 1));
    let known = topics.iter().filter_map(|name| Some((*name, model.kafka.topics.get(*name)?)));
    let rows = known.map(|(name, topic)| Row::new(cells(name, topic, bars, scene)));
    let header = [" state", "topic"].map(Cell::from).into_iter();
    let above_bars = if bars > 0 { "msg/s" } else { "" };
    let header =
        header.chain(["msg/s", "lag", "lag/s", "drains", "hot"].map(right)).chain([Cell::from(above_bars)]);
    let widths = TOPIC.map(Constraint::Length).into_iter().chain([Constraint::Min(0)]);
    let table = Table::new(rows, widths)
        .header(Row::new(header).style(theme.style(Tone::Dim)))
        .row_highlight_style(theme.chosen());
    let mut state = TableState::new().with_selected(ui.topic_index(topics));
    frame.render_stateful_widget(table, area, &mut state);
}

fn cells(name: &str, topic: &TopicHistory, bars: usize, scene: Scene<'_>) -> Vec<Cell<'static>> {
    let Scene { model, ui, theme } = scene;
    let now = model.now;
    let none = || right(Span::styled(format::none(theme), theme.style(Tone::Dim)));
    let told = |value: Option<String>| value.map_or_else(none, right);
    let rate = topic.written.rate.last(now);
    let mut state = level_span(model.topic_level(topic), theme);
    state.content = format!(" {}", state.content).into();
    let lag = topic.reader.and_then(|reader| model.lag(reader));
    let hot = topic.hot(now).map(|(partition, share)| {
        let text = format!("p{partition} {:.0}%", share * 100.0);
        right(Span::styled(text, theme.style(Tone::Warning)))
    });
    let columns = topic.written.rate.columns(now, ui.window(), bars);
    vec![
        Cell::from(state),
        Cell::from(format::fit(name, usize::from(TOPIC[1]), theme)),
        told(rate.map(format::number)),
    ]
    .into_iter()
    .chain(backlog(lag, scene))
    .chain([
        hot.unwrap_or_else(none),
        Cell::from(Span::styled(chart::sparkline(&columns, theme), theme.style(Tone::Accent))),
    ])
    .collect()
}

/// What waits, by how much that grows in a second, and when it will be gone; `never` of what grows for good.
fn backlog(lag: Option<&Series>, scene: Scene<'_>) -> [Cell<'static>; 3] {
    let Scene { model, theme, .. } = scene;
    let now = model.now;
    let told = |value: Option<String>| {
        value.map_or_else(|| right(Span::styled(format::none(theme), theme.style(Tone::Dim))), right)
    };
    let slope = lag.and_then(|lag| kafka::slope(lag, now));
    let drains = match lag.map(|lag| kafka::grows(lag, now)) {
        Some(true) => right(Span::styled("never", theme.style(Tone::Warning))),
        _ => told(lag.and_then(|lag| kafka::drains_in(lag, now)).map(format::span)),
    };
    [told(lag.and_then(|lag| lag.last(now)).map(format::number)), told(slope.map(format::signed)), drains]
}

fn draw_partitions(frame: &mut Frame<'_>, area: Rect, name: &str, topic: &TopicHistory, scene: Scene<'_>) {
    let Scene { model, theme, .. } = scene;
    let [above, list] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let now = model.now;
    let room = usize::from(list.height).saturating_sub(1);
    let mut partitions: Vec<(&i32, &PartitionHistory)> = topic.partitions.iter().collect();
    let is_cut = partitions.len() > room;
    if is_cut {
        // Those that are not shown are those of which there is least to say.
        let of = |(number, partition): &(&i32, &PartitionHistory)| {
            let lag = topic.reader.and_then(|reader| model.partition_lag(reader, **number));
            let rate = partition.written.rate.last(now).unwrap_or_default();
            (lag.and_then(|lag| lag.last(now)).unwrap_or_default(), rate)
        };
        partitions.sort_by(|one, other| {
            let (one, other) = (of(one), of(other));
            other.0.total_cmp(&one.0).then(other.1.total_cmp(&one.1))
        });
    }
    let order = if is_cut { ", by lag and messages a second" } else { "" };
    let text = format!("{name}: {} partitions{order}", partitions.len());
    frame.render_widget(title(&text, None, scene), above);
    draw_excerpt(frame, above, &(0..room.min(partitions.len())), partitions.len(), scene);
    let told = |value: Option<f64>| value.map_or_else(|| format::none(theme).to_owned(), format::number);
    let total = topic.written.rate.last(now).unwrap_or_default();
    let hot = topic.hot(now).map(|(number, _)| number);
    let used: u16 = PARTITION.iter().map(|width| width + 1).sum();
    let bars = f64::from(area.width.saturating_sub(used + 1));
    let rows = partitions.into_iter().map(|(number, partition)| {
        let rate = partition.written.rate.last(now).unwrap_or_default();
        let share = if total > 0.0 { rate / total } else { 0.0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to the width of a screen"
        )]
        let bar = theme.sign("█", "#").repeat((share * bars).round() as usize);
        let committed =
            partition.committed.map_or_else(|| format::none(theme).to_owned(), |at| at.to_string());
        let [lag, slope, drains] =
            backlog(topic.reader.and_then(|reader| model.partition_lag(reader, *number)), scene);
        let heat = if hot == Some(*number) { theme.sign(" ▲ HOT", " ! HOT") } else { "" };
        Row::new([
            Cell::from(format!(" {number}")),
            right(partition.end.to_string()),
            right(committed),
            lag,
            slope,
            drains,
            right(told(partition.written.rate.last(now))),
            right(format!("{:.0}%", share * 100.0)),
            Cell::from(Span::styled(heat, theme.style(Tone::Warning))),
            Cell::from(Span::styled(bar, theme.style(Tone::Accent))),
        ])
    });
    let header = ["end", "committed", "lag", "lag/s", "drains", "msg/s", "share"].map(right);
    let header = std::iter::once(Cell::from(" partition")).chain(header);
    let widths = PARTITION.map(Constraint::Length).into_iter().chain([Constraint::Min(0)]);
    let table = Table::new(rows, widths).header(Row::new(header).style(theme.style(Tone::Dim)));
    frame.render_widget(table, list);
}
