//! Markets and outcomes as they are read.

use super::codes;
use super::number::{self, Rounding, decimal};
use super::tree::Tree;
use crate::codec::xml::reader::Read;
use crate::market::{Millionths, ResultKind, Specifiers, Void};
use crate::message::{CancelledMarket, Offer, SettledMarket, SettledOutcome};
use crate::{MarketKey, MarketStatus, Odds, Outcome, OutcomeResult};

/// How specifiers are spelt, rightly first.
const SPECIFIERS: [&str; 3] = ["specifiers", "specifier", "specifers"];

/// All markets, to the end of the element entered last.
pub(super) fn all<T>(tree: &mut Tree, read: fn(&mut Tree) -> Read<T>) -> Read<Vec<T>> {
    let mut markets = Vec::new();
    tree.children(|tree, child| {
        if child != "market" {
            return Ok(false);
        }
        markets.push(read(tree)?);
        Ok(true)
    })?;
    Ok(markets)
}

fn key(tree: &mut Tree) -> Read<MarketKey> {
    let id = tree.reader.required("id")?;
    let mut specifiers = None;
    for spelling in SPECIFIERS {
        if specifiers.is_none() {
            specifiers = tree.reader.parsed(spelling, Specifiers::parse)?;
        }
    }
    Ok(MarketKey { id, specifiers: specifiers.unwrap_or_default() })
}

/// A market of which only the identity matters.
pub(super) fn key_only(tree: &mut Tree) -> Read<MarketKey> {
    let key = key(tree)?;
    tree.leaf("market")?;
    Ok(key)
}

pub(super) fn cancelled(tree: &mut Tree) -> Read<CancelledMarket> {
    let market = CancelledMarket { key: key(tree)?, void_reason: tree.reader.optional("void_reason")? };
    tree.leaf("market")?;
    Ok(market)
}

/// A market without a status is active; one whose status is not known is not offered.
pub(super) fn offer(tree: &mut Tree) -> Read<Offer> {
    let key = key(tree)?;
    let status = match tree.reader.parsed("status", number::code)? {
        None => MarketStatus::Active,
        Some(code) => codes::market_status(code).unwrap_or(MarketStatus::Inactive),
    };
    let favourite = tree.flag("favourite")?.unwrap_or_default();
    let cashout = tree.code("cashout_status", codes::cashout)?;
    let outcomes = outcomes(tree, outcome)?;
    Ok(Offer { favourite, cashout, ..Offer::new(key, status, outcomes) })
}

pub(super) fn settled(tree: &mut Tree) -> Read<SettledMarket> {
    let (key, void_reason) = (key(tree)?, tree.reader.optional("void_reason")?);
    Ok(SettledMarket { key, void_reason, outcomes: outcomes(tree, settled_outcome)? })
}

fn outcomes<T>(tree: &mut Tree, read: fn(&mut Tree) -> Read<T>) -> Read<Vec<T>> {
    tree.end_attributes("market");
    let mut outcomes = Vec::new();
    tree.children(|tree, child| {
        if child != "outcome" {
            return Ok(false);
        }
        outcomes.push(read(tree)?);
        Ok(true)
    })?;
    Ok(outcomes)
}

fn outcome(tree: &mut Tree) -> Read<Outcome> {
    let outcome = Outcome {
        id: tree.reader.required("id")?,
        odds: tree.reader.parsed("odds", odds)?,
        probability: tree.reader.parsed("probabilities", share)?,
        active: tree.flag("active")?.unwrap_or(true),
        side: tree.code("team", codes::side)?,
        result: None,
    };
    tree.leaf("outcome")?;
    Ok(outcome)
}

fn settled_outcome(tree: &mut Tree) -> Read<SettledOutcome> {
    let id = tree.reader.required("id")?;
    let kind = tree.reader.parsed("result", result)?.ok_or_else(|| tree.reader.lacks("result"))?;
    let void = tree.reader.parsed("void_factor", void)?.flatten();
    let dead_heat = tree.reader.parsed("dead_heat_factor", share)?;
    tree.leaf("outcome")?;
    Ok(SettledOutcome { id, result: OutcomeResult { result: kind, void, dead_heat } })
}

fn odds(text: &str) -> Result<Odds, String> {
    let thousandths = decimal(text, 3, Rounding::Down).map_err(|error| error.to_string())?;
    Odds::from_thousandths(thousandths).map_err(|error| error.to_string())
}

fn share(text: &str) -> Result<Millionths, String> {
    let millionths = decimal(text, 6, Rounding::HalfUp).map_err(|error| error.to_string())?;
    Millionths::new(millionths).map_err(|error| error.to_string())
}

fn result(text: &str) -> Result<ResultKind, String> {
    match number::code(text).map_err(|error| error.to_string())? {
        0 => Ok(ResultKind::Lost),
        1 => Ok(ResultKind::Won),
        -1 => Ok(ResultKind::Undecided),
        other => Err(format!("{other} is no result: 1 is won, 0 lost, -1 undecided")),
    }
}

fn void(text: &str) -> Result<Option<Void>, String> {
    match share(text)?.get() {
        0 => Ok(None),
        500_000 => Ok(Some(Void::Half)),
        1_000_000 => Ok(Some(Void::Full)),
        _ => Err(format!("{text} is no void factor: 0.5 and 1 are")),
    }
}
