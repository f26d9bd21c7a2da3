//! Random histories against a naive reference model.
//!
//! The model keeps orders in a map and recounts everything at every question;
//! it shares no code with the engine. After each step both must agree: whether
//! the command was accepted, every hold's state, every pool's exact units. The
//! audit is clean at each step, and the journal replays to the same hash.

mod house;

use std::collections::BTreeMap;

use holdfast_engine::domain::command::{
    AmendOrder, AmendUnits, Command, ReleaseHold, RerouteParcel,
};
use holdfast_engine::domain::orders::lifecycle::Node;
use holdfast_engine::domain::time::{MINUTE, Millis};
use holdfast_engine::domain::words::{Bucket, HoldState};
use house::{House, START, cancel, confirm, fail, line, order, receive, start};
use proptest::prelude::*;

const SKUS: [&str; 3] = ["cup", "pot", "tray"];
const WAREHOUSES: [&str; 2] = ["hangzhou", "suzhou"];
const ORDERS: usize = 8;

#[derive(Debug, Clone)]
enum Step {
    Receive {
        sku: usize,
        warehouse: usize,
        quantity: i64,
    },
    Place {
        order: usize,
        warehouse: usize,
        asked: [i64; 3],
    },
    Start {
        order: usize,
        payment: usize,
    },
    Fail {
        order: usize,
        payment: usize,
    },
    Confirm {
        order: usize,
    },
    Release {
        order: usize,
    },
    Cancel {
        order: usize,
    },
    Amend {
        order: usize,
        sku: usize,
        quantity: i64,
    },
    Reroute {
        order: usize,
        warehouse: usize,
    },
    Depart {
        order: usize,
    },
    Pass {
        minutes: i64,
    },
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    let order = 0..ORDERS;
    prop_oneof![
        2 => (0..3_usize, 0..2_usize, 1..6_i64).prop_map(|(sku, warehouse, quantity)| Step::Receive { sku, warehouse, quantity }),
        6 => (order.clone(), 0..2_usize, [0..3_i64, 0..3_i64, 0..3_i64]).prop_map(|(order, warehouse, asked)| Step::Place { order, warehouse, asked }),
        3 => (order.clone(), 0..2_usize).prop_map(|(order, payment)| Step::Start { order, payment }),
        2 => (order.clone(), 0..2_usize).prop_map(|(order, payment)| Step::Fail { order, payment }),
        3 => order.clone().prop_map(|order| Step::Confirm { order }),
        1 => order.clone().prop_map(|order| Step::Release { order }),
        1 => order.clone().prop_map(|order| Step::Cancel { order }),
        2 => (order.clone(), 0..3_usize, 0..4_i64).prop_map(|(order, sku, quantity)| Step::Amend { order, sku, quantity }),
        2 => (order.clone(), 0..2_usize).prop_map(|(order, warehouse)| Step::Reroute { order, warehouse }),
        1 => order.prop_map(|order| Step::Depart { order }),
        4 => (0..20_i64).prop_map(|minutes| Step::Pass { minutes }),
        1 => Just(Step::Tick),
    ]
}

/// What the model knows of an order.
#[derive(Debug, Clone)]
struct Naive {
    warehouse: usize,
    units: BTreeMap<usize, i64>,
    state: HoldState,
    created: Millis,
    expires: Millis,
    payments: Vec<usize>,
    paying_since_set: bool,
    failed_release: bool,
    cancelled: bool,
    departed: bool,
    stock_lost: bool,
    amended: bool,
    /// As it was asked for: a re-route does not change what the buyer asked.
    asked: (usize, BTreeMap<usize, i64>),
}

impl Naive {
    fn held(&self, now: Millis) -> bool {
        matches!(self.state, HoldState::Held | HoldState::Paying) && now < self.expires
    }

    fn allocated(&self) -> bool {
        self.state == HoldState::Confirmed && !self.departed && !self.cancelled
    }

    fn shown(&self, now: Millis) -> HoldState {
        if self.state.is_live() && now >= self.expires {
            HoldState::Expired
        } else {
            self.state
        }
    }
}

#[derive(Debug, Default)]
struct Model {
    received: BTreeMap<(usize, usize), i64>,
    orders: BTreeMap<usize, Naive>,
}

impl Model {
    fn sum(&self, sku: usize, warehouse: usize, counts: impl Fn(&Naive) -> bool) -> i64 {
        let here = self
            .orders
            .values()
            .filter(|order| order.warehouse == warehouse && counts(order));
        here.map(|order| order.units.get(&sku).copied().unwrap_or(0))
            .sum()
    }

    fn free(&self, sku: usize, warehouse: usize, now: Millis) -> i64 {
        let received = self.received.get(&(sku, warehouse)).copied().unwrap_or(0);
        received
            - self.sum(sku, warehouse, |order| {
                order.held(now) || order.allocated() || order.departed
            })
    }

    fn covers(&self, units: &BTreeMap<usize, i64>, warehouse: usize, now: Millis) -> bool {
        units
            .iter()
            .all(|(sku, quantity)| self.free(*sku, warehouse, now) >= *quantity)
    }

    /// Carries out a step; true if it must be accepted.
    fn run(&mut self, step: &Step, now: Millis) -> bool {
        match step {
            Step::Receive {
                sku,
                warehouse,
                quantity,
            } => {
                *self.received.entry((*sku, *warehouse)).or_default() += quantity;
                true
            }
            Step::Place {
                order,
                warehouse,
                asked,
            } => self.place(*order, *warehouse, asked, now),
            Step::Start { order, payment } => self.live(*order, now, |naive| {
                let first = naive.state == HoldState::Held || !naive.paying_since_set;
                if first {
                    naive.expires = naive.expires.max(naive.created + 45 * MINUTE);
                }
                naive.paying_since_set = true;
                naive.state = HoldState::Paying;
                if !naive.payments.contains(payment) {
                    naive.payments.push(*payment);
                }
            }),
            Step::Fail { order, payment } => self.live(*order, now, |naive| {
                naive.payments.retain(|open| open != payment);
                if naive.state == HoldState::Paying && naive.payments.is_empty() {
                    if now < naive.created + 15 * MINUTE {
                        naive.state = HoldState::Held;
                        naive.expires = naive.created + 15 * MINUTE;
                    } else {
                        naive.state = HoldState::Released;
                        naive.failed_release = true;
                    }
                }
            }),
            Step::Confirm { order } => self.confirm(*order, now),
            Step::Release { order } => {
                let Some(naive) = self.orders.get_mut(order) else {
                    return false;
                };
                if naive.held(now) {
                    naive.state = HoldState::Released;
                    naive.failed_release = false;
                }
                true
            }
            Step::Cancel { order } => self.cancel(*order, now),
            Step::Amend {
                order,
                sku,
                quantity,
            } => self.amend(*order, *sku, *quantity, now),
            Step::Reroute { order, warehouse } => self.reroute(*order, *warehouse, now),
            Step::Depart { order } => match self.orders.get_mut(order) {
                Some(naive) if naive.allocated() => {
                    naive.departed = true;
                    true
                }
                _ => false,
            },
            Step::Pass { .. } | Step::Tick => true,
        }
    }

    fn place(&mut self, order: usize, warehouse: usize, asked: &[i64; 3], now: Millis) -> bool {
        let units: BTreeMap<usize, i64> = asked
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, quantity)| *quantity > 0)
            .collect();
        let known = units.keys().all(|sku| {
            self.received.contains_key(&(*sku, warehouse))
                || WAREHOUSES
                    .iter()
                    .enumerate()
                    .any(|(w, _)| self.received.contains_key(&(*sku, w)))
        });
        let warehouse_known = self.received.keys().any(|(_, w)| *w == warehouse);
        if units.is_empty() {
            return false;
        }
        if let Some(naive) = self.orders.get(&order) {
            if naive.cancelled
                || naive.departed
                || naive.state == HoldState::Confirmed
                || naive.stock_lost
            {
                return false;
            }
            if !known || !warehouse_known {
                return false;
            }
            if naive.held(now) {
                return !naive.amended && naive.asked == (warehouse, units);
            }
        }
        if !known || !warehouse_known || !self.covers(&units, warehouse, now) {
            return false;
        }
        let fresh = Naive {
            warehouse,
            asked: (warehouse, units.clone()),
            units,
            state: HoldState::Held,
            created: now,
            expires: now + 15 * MINUTE,
            payments: Vec::new(),
            paying_since_set: false,
            failed_release: false,
            cancelled: false,
            departed: false,
            stock_lost: false,
            amended: false,
        };
        self.orders.insert(order, fresh);
        true
    }

    fn live(&mut self, order: usize, now: Millis, change: impl FnOnce(&mut Naive)) -> bool {
        match self.orders.get_mut(&order) {
            Some(naive) if naive.held(now) && !naive.cancelled => {
                change(naive);
                true
            }
            _ => false,
        }
    }

    fn confirm(&mut self, order: usize, now: Millis) -> bool {
        let Some(naive) = self.orders.get(&order).cloned() else {
            return false;
        };
        if naive.cancelled || naive.state == HoldState::Confirmed {
            return true;
        }
        let again = naive.shown(now) == HoldState::Expired || naive.failed_release;
        let takes = naive.held(now) || (again && self.covers(&naive.units, naive.warehouse, now));
        let naive = self.orders.get_mut(&order).expect("looked up before");
        if takes {
            naive.state = HoldState::Confirmed;
            naive.stock_lost = false;
        } else if again {
            naive.state = naive.shown(now);
            naive.stock_lost = true;
        }
        true
    }

    fn cancel(&mut self, order: usize, now: Millis) -> bool {
        let Some(naive) = self.orders.get_mut(&order) else {
            return false;
        };
        if naive.departed {
            // An intercept is opened; nothing moves.
            return true;
        }
        if naive.held(now) {
            naive.state = HoldState::Released;
        }
        naive.state = naive.shown(now);
        naive.cancelled = true;
        true
    }

    fn amend(&mut self, order: usize, sku: usize, quantity: i64, now: Millis) -> bool {
        let Some(naive) = self.orders.get(&order) else {
            return false;
        };
        if !naive.held(now) || naive.cancelled {
            return false;
        }
        let has = naive.units.get(&sku).copied().unwrap_or(0);
        let sku_known = self.received.keys().any(|(known, _)| *known == sku);
        let home = naive.warehouse;
        if !sku_known || quantity > has && self.free(sku, home, now) < quantity - has {
            return false;
        }
        let mut units = naive.units.clone();
        if quantity == 0 {
            units.remove(&sku)
        } else {
            units.insert(sku, quantity)
        };
        if units.is_empty() {
            return false;
        }
        let naive = self.orders.get_mut(&order).expect("looked up before");
        naive.units = units;
        naive.amended = true;
        true
    }

    fn reroute(&mut self, order: usize, warehouse: usize, now: Millis) -> bool {
        let warehouse_known = self.received.keys().any(|(_, w)| *w == warehouse);
        let Some(naive) = self.orders.get(&order).cloned() else {
            return false;
        };
        if !warehouse_known || naive.cancelled || naive.departed {
            return false;
        }
        if naive.warehouse == warehouse {
            return true;
        }
        if !(naive.held(now) || naive.allocated()) || !self.covers(&naive.units, warehouse, now) {
            return false;
        }
        self.orders
            .get_mut(&order)
            .expect("looked up before")
            .warehouse = warehouse;
        true
    }
}

fn number(order: usize) -> String {
    format!("o{order}")
}

fn perform(house: &mut House, step: &Step, model: &Model) -> bool {
    let command = match step {
        Step::Receive {
            sku,
            warehouse,
            quantity,
        } => receive(SKUS[*sku], WAREHOUSES[*warehouse], *quantity),
        Step::Place {
            order: o,
            warehouse,
            asked,
        } => {
            let lines = asked
                .iter()
                .enumerate()
                .filter(|(_, quantity)| **quantity > 0)
                .map(|(sku, quantity)| {
                    let mut line = line(SKUS[sku], *quantity);
                    line.warehouse = WAREHOUSES[*warehouse].into();
                    line
                });
            let lines: Vec<_> = lines.collect();
            if lines.is_empty() {
                return false;
            }
            Command::PlaceOrder(Box::new(order(&number(*o), lines)))
        }
        Step::Start { order, payment } => start(&number(*order), &format!("pay-{payment}")),
        Step::Fail { order, payment } => fail(&number(*order), &format!("pay-{payment}")),
        Step::Confirm { order } => confirm(&number(*order)),
        Step::Release { order } => Command::ReleaseHold(ReleaseHold {
            order_number: number(*order),
            reason: "because".into(),
        }),
        Step::Cancel { order } => cancel(&number(*order)),
        Step::Amend {
            order,
            sku,
            quantity,
        } => {
            // The model takes increases from where the order is held.
            let warehouse = model
                .orders
                .get(order)
                .map_or("", |naive| WAREHOUSES[naive.warehouse])
                .to_owned();
            let units = vec![AmendUnits {
                sku: SKUS[*sku].into(),
                quantity: *quantity,
                warehouse,
            }];
            Command::AmendOrder(AmendOrder {
                order_number: number(*order),
                units,
            })
        }
        Step::Reroute { order, warehouse } => Command::RerouteParcel(RerouteParcel {
            parcel_id: format!("{}/1", number(*order)),
            warehouse: WAREHOUSES[*warehouse].into(),
            reason: String::new(),
        }),
        Step::Depart { order } => {
            let parcel = format!("{}/1", number(*order));
            if house
                .state
                .merchant(house::SHOP)
                .is_none_or(|m| m.find_parcel(&parcel).is_none())
                || house.node(&parcel) != Node::UnderReview
            {
                return false;
            }
            let open = house.parcel(&parcel).status == 1;
            if open {
                house.walk(&parcel, Node::Departed);
            }
            return open;
        }
        Step::Pass { minutes } => {
            house.pass(minutes * MINUTE);
            return true;
        }
        Step::Tick => {
            house.tick();
            return true;
        }
    };
    house.submit(command).is_ok()
}

fn compare(house: &House, model: &Model) {
    let now = house.now;
    for (sku, warehouse) in model.received.keys() {
        let units = |bucket| house.units_in(SKUS[*sku], WAREHOUSES[*warehouse], bucket);
        assert_eq!(
            units(Bucket::Available),
            model.free(*sku, *warehouse, now),
            "free {} in {}",
            SKUS[*sku],
            WAREHOUSES[*warehouse]
        );
        assert_eq!(
            units(Bucket::Held),
            model.sum(*sku, *warehouse, |order| order.held(now)),
            "held"
        );
        assert_eq!(
            units(Bucket::Allocated),
            model.sum(*sku, *warehouse, Naive::allocated),
            "allocated"
        );
    }
    for (order, naive) in &model.orders {
        assert_eq!(
            house.hold_state(&number(*order)),
            naive.shown(now),
            "hold of {}",
            number(*order)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_and_the_naive_model_agree_at_every_step(steps in prop::collection::vec(step(), 1..120)) {
        let mut house = House::new();
        let mut model = Model::default();
        for (index, step) in steps.iter().enumerate() {
            // Walking a parcel takes a minute a node; it must not outlive a hold unseen.
            let accepted = perform(&mut house, step, &model);
            let expected = model.run(step, house.now);
            assert_eq!(accepted, expected, "step {index}: {step:?} at {} min", (house.now - START) / MINUTE);
            if house.state.merchant(house::SHOP).is_some() {
                compare(&house, &model);
            }
        }
        house.check_replay();
    }
}
