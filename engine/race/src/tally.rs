//! What was acknowledged, and whether a store's books say the same.
//!
//! The tally is made from answers alone and shares nothing with the stores.

use crate::contender::{Answer, Books, Failure, Request, Verb};
use crate::workload::{self, Fate};

/// Acknowledged orders and units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Orders whose units were held.
    pub held: u64,
    pub sold: u64,
    /// Closed again.
    pub closed: u64,
    /// Refused for want of stock.
    pub short: u64,
    /// Payments that came after the hold had ended.
    pub late: u64,
    /// Requests that were sent again and answered as before.
    pub repeats: u64,
    /// Units sold, by SKU.
    pub units: Vec<i64>,
}

impl Tally {
    /// Notes an answer.
    ///
    /// # Errors
    /// It is none that the request can have, or a repeat was answered differently.
    pub fn note(&mut self, request: &Request, answer: Answer) -> Result<(), Failure> {
        if let Some(first) = request.first {
            // Between the two the hold may have ended.
            if answer != first && answer != Answer::Lapsed {
                return Err(format!("{request:?} was answered {answer:?} the second time").into());
            }
            self.repeats += 1;
            return Ok(());
        }
        match (request.verb, answer) {
            (Verb::Place, Answer::Held) => self.held += 1,
            (Verb::Place, Answer::Short) => self.short += 1,
            (Verb::StartPayment, Answer::Paying) => {}
            (Verb::StartPayment | Verb::Pay, Answer::Lapsed) => self.late += 1,
            (Verb::Pay, Answer::Sold) => {
                self.sold += 1;
                self.move_units(request, 1);
            }
            (Verb::Release, Answer::Closed) => {}
            (Verb::Close, Answer::Closed) => {
                self.closed += 1;
                if request.order.fate == Fate::Cancelled {
                    self.move_units(request, -1);
                }
            }
            _ => return Err(format!("{request:?} cannot be answered {answer:?}").into()),
        }
        Ok(())
    }

    pub fn add(&mut self, other: &Self) {
        self.held += other.held;
        self.sold += other.sold;
        self.closed += other.closed;
        self.short += other.short;
        self.late += other.late;
        self.repeats += other.repeats;
        for (sku, units) in (0..).zip(&other.units) {
            *self.of(sku) += units;
        }
    }

    fn move_units(&mut self, request: &Request, sign: i64) {
        for line in request.order.lines() {
            *self.of(line.sku) += sign * i64::from(line.units);
        }
    }

    fn of(&mut self, sku: u16) -> &mut i64 {
        let sku = usize::from(sku);
        if self.units.len() <= sku {
            self.units.resize(sku + 1, 0);
        }
        &mut self.units[sku]
    }

    /// What does not agree with a store's books once every hold has ended; empty if all does.
    pub fn findings(&self, books: &Books) -> Vec<String> {
        let mut findings = Vec::new();
        if books.orders + self.closed != self.held {
            findings.push(format!(
                "{} orders were acknowledged and {} of them closed, the store has {}",
                self.held, self.closed, books.orders
            ));
        }
        for (sku, received) in workload::received() {
            let stock = books
                .stock
                .get(usize::from(sku))
                .copied()
                .unwrap_or_default();
            let sold = self.units.get(usize::from(sku)).copied().unwrap_or(0);
            let whole = stock.free + stock.held + stock.sold == received;
            let signs = stock.free >= 0 && stock.held == 0 && stock.sold >= 0;
            if !whole || !signs || stock.sold != sold {
                findings.push(format!(
                    "SKU {sku}: received {received}, acknowledged as sold {sold}, the store says {stock:?}"
                ));
            }
        }
        findings
    }
}
