//! `matchday dlq`: looks through what was refused, and sends it again once it is put right, or closes what nobody will.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use chassis::config::MysqlArgs;
use clap::{ArgGroup, Args, Subcommand};
use domain::codec::uof::{RoutingKey, RoutingKeyError};
use domain::letter::LetterId;
use domain::{EventId, Name, Topics};
use sqlx::MySqlPool;

use crate::stack::{Record, Stack};
use letter::Letter;
use state::{Repeats, State};

mod bytes;
mod close;
mod edit;
mod letter;
mod redrive;
mod report;
mod state;

/// How many of the newest letters are listed where nothing else is said.
const LISTED: i64 = 1_000;

/// What is asked, and of which stack.
#[derive(Debug, Args)]
pub struct DlqArgs {
    /// Kafka's bootstrap servers [default: those of the stack that is up]
    #[arg(long, global = true, env = "MATCHDAY_KAFKA", value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// The database's address, `mysql://user:password@host:port/database` [default: that of the stack that is up]
    #[arg(long, global = true, env = "MATCHDAY_MYSQL", hide_env_values = true, value_name = "URL")]
    mysql: Option<String>,
    /// A file with the password, for an address that has none
    #[arg(long, global = true, env = "MATCHDAY_MYSQL_PASSWORD_FILE", value_name = "FILE")]
    mysql_password_file: Option<PathBuf>,
    /// Ingestion, to which what it refused is sent again [default: that of the stack that is up]
    #[arg(long, global = true, env = "MATCHDAY_INGESTION", value_name = "URL")]
    ingestion: Option<String>,
    /// What all topics' names begin with
    #[arg(
        long = "topic-prefix",
        global = true,
        env = "MATCHDAY_TOPIC_PREFIX",
        default_value = "",
        value_name = "PREFIX"
    )]
    topics: Topics,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List dead letters: what was refused why, where it stood, and what has become of it
    List {
        #[command(flatten)]
        filter: Filter,
        /// Only those that are still to be dealt with
        #[arg(long)]
        open: bool,
    },
    /// Show one, with its bytes
    Show {
        /// Its name in the list, as in `0/17` or `17`
        letter: LetterId,
        /// The bytes in hexadecimal, also where they are text
        #[arg(long, conflicts_with = "raw")]
        hex: bool,
        /// The bytes alone and as they are, for a file
        #[arg(long)]
        raw: bool,
    },
    /// Send letters again to where they were refused, as they are or put right. Each has its effect once, however often it
    /// is sent
    Redrive(Redrive),
    /// Close letters that nobody will send again, and say why: all of them or none. They are listed as closed then, by whom and
    /// when, and shut nothing of what is yet to come; one that shuts its event is put right instead
    Close(Close),
}

/// Which letters.
#[derive(Debug, Args)]
struct Filter {
    /// Those of this provider
    #[arg(long)]
    provider: Option<Name>,
    /// Those of this event
    #[arg(long)]
    event: Option<EventId>,
    /// How many of the newest letters are looked at [default: all with --open, --event or --provider, else 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    last: Option<i64>,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").args(["letters", "open"]).required(true)))]
struct Redrive {
    /// Their names in the list, as in `0/17` or `17`
    letters: Vec<LetterId>,
    /// All that are still to be dealt with, each event's in order
    #[arg(long, conflicts_with_all = ["body", "edit", "routing_key"])]
    open: bool,
    #[command(flatten)]
    filter: Filter,
    /// Send what is in this file in the letter's place; `-` is standard input
    #[arg(long, conflicts_with = "edit", value_name = "FILE")]
    body: Option<PathBuf>,
    /// Open the letter in $VISUAL or $EDITOR and send what is saved
    #[arg(long)]
    edit: bool,
    /// Send it with this routing key instead of the one that it came with, as in `hi.-.live.bet_stop.4.sr:match.123.-`: what
    /// ingestion refused of a Unified Odds Feed
    #[arg(long, value_name = "KEY", value_parser = routing_key)]
    routing_key: Option<String>,
    /// The provider's token, where ingestion asks for one
    #[arg(long, env = "MATCHDAY_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// How long to wait for what becomes of each, in seconds
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    wait: u64,
}

#[derive(Debug, Args)]
struct Close {
    /// Their names in the list, as in `0/17` or `17`
    #[arg(required = true)]
    letters: Vec<LetterId>,
    /// Why nothing is to be done about them
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    /// Who says so [default: the name by which this machine knows who runs this]
    #[arg(long, env = "USER", value_name = "NAME")]
    by: Option<String>,
}

/// A routing key, where the text is one.
fn routing_key(text: &str) -> Result<String, RoutingKeyError> {
    text.parse::<RoutingKey>().map(|_| text.to_owned())
}

/// A stack as this command needs it.
struct Place {
    kafka: String,
    topics: Topics,
    database: MySqlPool,
    ingestion: Option<String>,
}

/// Does what is asked, on the addresses that are given or those of the stack `name` among `stacks`.
///
/// # Errors
/// When a letter is not there, cannot be sent, or is refused again; when Kafka or the database does not answer.
pub async fn dlq(args: DlqArgs, (stacks, name): (&Path, &str), say: fn(&str)) -> Result<()> {
    let place = Place::find(&args, Stack::find(stacks, name).as_ref())?;
    match args.command {
        Command::List { filter, open } => {
            let letters = place.letters(&filter, open).await?;
            report::list(&letters, say);
        }
        Command::Show { letter, hex, raw } => {
            let letter = letter::read(&place.kafka, &place.topics.dead_letters(), letter).await?;
            if raw {
                return std::io::stdout().write_all(&letter.bytes).context("writing the bytes");
            }
            let state = place.state_of(&letter).await?;
            report::show(&letter, &state, hex, say);
        }
        Command::Redrive(args) => place.redrive(args, say).await?,
        Command::Close(args) => place.close(args, say).await?,
    }
    Ok(())
}

impl Filter {
    fn takes(&self, letter: &Letter) -> bool {
        let of_provider = self.provider.as_ref().is_none_or(|wanted| letter.provider() == Some(wanted));
        let of_event =
            self.event.as_ref().is_none_or(|wanted| letter.event_ids().any(|event_id| event_id == wanted));
        of_provider && of_event
    }
}

impl Place {
    fn find(args: &DlqArgs, record: Option<&Record>) -> Result<Self> {
        let known = |what: &str| {
            let mut addresses = record.iter().flat_map(|record| &record.addresses);
            addresses.find(|address| address.what == what).map(|address| address.url.clone())
        };
        let no_stack = "no stack of `matchday up` is up";
        let kafka = args.kafka.clone().or_else(|| known("Kafka"));
        let mysql = match &args.mysql {
            Some(url) => {
                let password_file = args.mysql_password_file.clone();
                Some(MysqlArgs { url: url.clone(), password_file }.url()?)
            }
            None => known("MySQL"),
        };
        let mysql = mysql.with_context(|| format!("{no_stack}: say where the database is with --mysql"))?;
        Ok(Self {
            kafka: kafka.with_context(|| format!("{no_stack}: say where Kafka is with --kafka"))?,
            topics: args.topics.clone(),
            database: MySqlPool::connect_lazy(&mysql).context("not the address of a database")?,
            ingestion: args.ingestion.clone().or_else(|| known("ingestion")),
        })
    }

    /// The letters that the filter lets through, oldest first, each with what has become of it, and without its bytes: there
    /// may be many.
    async fn letters(&self, filter: &Filter, only_open: bool) -> Result<Vec<(Letter, State)>> {
        let is_whole = only_open || filter.provider.is_some() || filter.event.is_some();
        let last = filter.last.or((!is_whole).then_some(LISTED));
        let mut pages = letter::Pages::open(&self.kafka, &self.topics.dead_letters(), last).await?;
        let (mut found, mut repeats) = (Vec::new(), Repeats::default());
        while let Some(mut letters) = pages.next().await? {
            letters.retain(|letter| filter.takes(letter));
            let states = state::of(&self.database, &letters).await?;
            for (mut letter, state) in letters.into_iter().zip(states) {
                let first = repeats.first(&letter, &state);
                let state = first.map_or(state, State::Again);
                letter.bytes.clear();
                if !only_open || state.is_open() {
                    found.push((letter, state));
                }
            }
        }
        Ok(found)
    }

    async fn state_of(&self, letter: &Letter) -> Result<State> {
        let states = state::of(&self.database, std::slice::from_ref(letter)).await?;
        states.into_iter().next().context("no state of the letter")
    }

    async fn redrive(&self, args: Redrive, say: fn(&str)) -> Result<()> {
        let Redrive { letters: names, open, filter, body, edit, routing_key, token, wait } = args;
        let is_put_right = body.is_some() || edit || routing_key.is_some();
        ensure!(names.len() == 1 || !is_put_right, "put letters right one by one");
        let topic = self.topics.dead_letters();
        let mut letters = if open {
            self.letters(&filter, true).await?.into_iter().map(|(letter, _)| letter).collect()
        } else {
            let mut letters = Vec::with_capacity(names.len());
            for name in names {
                letters.push(letter::read(&self.kafka, &topic, name).await?);
            }
            letters
        };
        // Each waits for the one before it, so that an event's come in their order.
        letters.sort_by(|a, b| a.order().cmp(&b.order()));
        letters.dedup_by_key(|letter| letter.id);
        let driver = redrive::Driver::new(self, token, Duration::from_secs(wait))?;
        let mut failed = 0;
        for letter in &letters {
            let mut letter = letter::read(&self.kafka, &topic, letter.id).await?;
            letter.set_routing_key(routing_key.as_deref())?;
            let letter = &letter;
            let body = match (&body, edit) {
                (Some(file), _) => edit::read(file)?,
                (None, true) => edit::edit(letter)?,
                (None, false) => letter.bytes.clone(),
            };
            let outcome = driver.redrive(letter, &body).await;
            failed += usize::from(!matches!(&outcome, Ok(outcome) if outcome.is_done()));
            let said = outcome.map_or_else(|error| format!("{error:#}"), |outcome| outcome.to_string());
            say(&format!("{}  {}", letter.id, bytes::line(&said)));
        }
        if letters.is_empty() {
            say("No dead letter is open.");
        }
        if failed > 0 {
            bail!("{failed} of {} dead letters stay as they are", letters.len());
        }
        Ok(())
    }

    async fn close(&self, Close { letters: names, reason, by }: Close, say: fn(&str)) -> Result<()> {
        let by = close::who(by);
        let topic = self.topics.dead_letters();
        let names: BTreeSet<LetterId> = names.into_iter().collect();
        let mut letters = Vec::with_capacity(names.len());
        for name in names {
            letters.push(letter::read(&self.kafka, &topic, name).await?);
        }
        let states = close::close(self, &letters, (&by, &reason)).await?;
        for (letter, state) in letters.iter().zip(states) {
            say(&format!("{}  {}", letter.id, bytes::line(&state.to_string())));
        }
        Ok(())
    }
}

/// Whether what is written can be cut to what a person's terminal shows.
fn columns() -> Option<usize> {
    let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    std::io::stdout().is_terminal().then_some(width.unwrap_or(160))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        redrive: Redrive,
    }

    #[test]
    fn what_is_to_be_sent_again_is_named_or_all_that_is_open() {
        let parse = |arguments: &[&str]| {
            let parsed = Cli::try_parse_from([&["redrive"][..], arguments].concat());
            parsed.map(|cli| (cli.redrive.letters.len(), cli.redrive.open)).map_err(|error| error.to_string())
        };
        let error = parse(&[]).unwrap_err();
        assert!(error.contains("LETTERS") && error.contains("--open"), "{error}");
        assert_eq!(parse(&["0/17", "18"]), Ok((2, false)));
        assert_eq!(parse(&["--open"]), Ok((0, true)));
        assert!(parse(&["--open", "0/17"]).is_err());
    }
}
