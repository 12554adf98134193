//! Markets and outcomes as they are written.

use domain::market::{Millionths, ResultKind, Void};
use domain::message::{CancelledMarket, Offer, SettledMarket, SettledOutcome};
use domain::{MarketKey, Odds, Outcome};

use super::codes;
use super::writer::Writer;

/// A market of which only the identity matters.
pub(super) fn key(out: &mut Writer, key: &MarketKey) {
    open(out, key);
    out.close();
}

pub(super) fn cancelled(out: &mut Writer, CancelledMarket { key, void_reason }: &CancelledMarket) {
    open(out, key);
    out.optional("void_reason", void_reason.as_ref().map(codes::void_reason).as_ref());
    out.close();
}

pub(super) fn offer(out: &mut Writer, offer: &Offer) {
    open(out, &offer.key);
    out.attribute("status", &codes::market_status(offer.status));
    if offer.favourite {
        out.attribute("favourite", &1);
    }
    out.optional("cashout_status", offer.cashout.map(codes::cashout).as_ref());
    for Outcome { id, odds, probability, active, side, result: _ } in &offer.outcomes {
        out.open("outcome");
        out.attribute("id", id);
        out.optional("odds", odds.map(decimal_odds).as_ref());
        out.optional("probabilities", probability.map(share).as_ref());
        out.attribute("active", &u8::from(*active));
        out.optional("team", side.map(codes::side).as_ref());
        out.close();
    }
    out.close();
}

pub(super) fn settled(out: &mut Writer, SettledMarket { key, void_reason, outcomes }: &SettledMarket) {
    open(out, key);
    out.optional("void_reason", void_reason.as_ref().map(codes::void_reason).as_ref());
    for SettledOutcome { id, result } in outcomes {
        out.open("outcome");
        out.attribute("id", id);
        let code = match result.result {
            ResultKind::Lost => 0,
            ResultKind::Won => 1,
            ResultKind::Undecided => -1,
        };
        out.attribute("result", &code);
        let factor = result.void.map(|void| match void {
            Void::Half => "0.5",
            Void::Full => "1",
        });
        out.optional("void_factor", factor.as_ref());
        out.optional("dead_heat_factor", result.dead_heat.map(share).as_ref());
        out.close();
    }
    out.close();
}

fn open(out: &mut Writer, key: &MarketKey) {
    out.open("market");
    out.attribute("id", &key.id);
    let specifiers = key.specifiers.to_string();
    if !specifiers.is_empty() {
        out.attribute("specifiers", &specifiers);
    }
}

/// 1850 thousandths are `1.85`.
fn decimal_odds(odds: Odds) -> String {
    decimal(odds.thousandths(), 1_000, 3)
}

/// 512000 millionths are `0.512`.
fn share(share: Millionths) -> String {
    decimal(share.get(), 1_000_000, 6)
}

fn decimal(units: u32, of_one: u32, places: usize) -> String {
    let text = format!("{}.{:0places$}", units / of_one, units % of_one);
    let short = text.trim_end_matches('0');
    // Whole numbers keep one digit behind the point.
    if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_and_shares_are_decimals() {
        let odds = |thousandths| decimal_odds(Odds::from_thousandths(thousandths).unwrap());
        assert_eq!([1_850, 2_000, 12_001, 1_000_000_000].map(odds), ["1.85", "2.0", "12.001", "1000000.0"]);
        let shares = [0, 512_000, 897, 1_000_000].map(|units| share(Millionths::new(units).unwrap()));
        assert_eq!(shares, ["0.0", "0.512", "0.000897", "1.0"]);
    }
}
