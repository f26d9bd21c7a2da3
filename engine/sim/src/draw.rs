//! Makes a run up from its seed: a world, what goes wrong in it and how often,
//! and clients that send, repeat, lose replies and mix things up.
//!
//! Each seed switches some kinds of trouble off and draws the rates of the rest,
//! so that rare troubles also meet without the common ones in between. A quiet
//! phase follows, in which everything must come to its end.

use std::collections::VecDeque;

use holdfast_engine::domain::orders::lifecycle::Role;
use holdfast_engine::domain::time::{DAY, HOUR, MINUTE, Millis, SECOND};
use holdfast_engine::domain::words::{Bucket, OrderStatus};
use holdfast_engine::journal::Mode;

use crate::ask::{Ask, ParcelRef, Placing, Request, Rules, Scan, Units};
use crate::chance::Chance;
use crate::disk::{Fault, Make};
use crate::model::{Order, Shop, scanners};
use crate::redis::{Slip, Trouble};
use crate::run::{Reply, Runner};
use crate::story::{Step, Store, World};

/// Steps between two full inspections of a small run. Those of a long one come
/// further apart, as each costs as much as all steps before it.
const INSPECT_EVERY: u64 = 1_000;
/// Requests that may come again late.
const REMEMBERED: usize = 64;
/// Orders back from the newest that clients still think of.
const IN_MIND: usize = 24;
/// Steps in which the quiet phase must end.
const QUIET_STEPS: u64 = 20_000;

/// Rates in 1,000.
#[derive(Debug, Clone, Copy)]
struct Rates {
    commit: u32,
    seal: u32,
    tick: u32,
    pass: u32,
    jump: u32,
    step_back: u32,
    repeat: u32,
    late: u32,
    lost_reply: u32,
    key_reuse: u32,
    nonsense: u32,
    look: u32,
    crash: u32,
    fault: u32,
    trim: u32,
    grow: u32,
    archive: u32,
    tick_limit: usize,
}

/// A client with at most one request under way.
#[derive(Debug, Clone, Default)]
struct Client {
    pending: Option<Request>,
}

/// The source of a run's steps.
#[derive(Debug)]
pub struct Drawer {
    chance: Chance,
    world: World,
    rates: Rates,
    /// Which kinds of commands are drawn, and how often.
    weights: Vec<(Kind, u64)>,
    clients: Vec<Client>,
    past: VecDeque<Request>,
    next_request: u32,
    next_order: Vec<u16>,
    next_scan: u32,
    steps: u64,
    drawn: u64,
    inspect_at: u64,
    quiet: Option<u64>,
    ending: Option<VecDeque<Step>>,
    /// What must follow the last step at once.
    then: VecDeque<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Place,
    Pay,
    Change,
    Cancel,
    Floor,
    Stock,
    Settings,
}

impl Drawer {
    /// A drawer of `steps` steps before the quiet phase, and its world.
    #[must_use]
    pub fn new(seed: u64, steps: u64) -> (Self, World) {
        let mut chance = Chance::new(seed);
        let world = draw_world(&mut chance);
        let rates = draw_rates(&mut chance, world.archives);
        let kinds = [
            (Kind::Place, 12),
            (Kind::Pay, 14),
            (Kind::Change, 6),
            (Kind::Cancel, 4),
            (Kind::Floor, 16),
            (Kind::Stock, 6),
            (Kind::Settings, 1),
        ];
        let weights = kinds
            .iter()
            .map(|(kind, weight)| {
                let off = !matches!(kind, Kind::Place | Kind::Stock) && chance.permille(120);
                (*kind, if off { 0 } else { 1 + chance.below(2 * weight) })
            })
            .collect();
        let drawer = Self {
            world,
            rates,
            weights,
            clients: vec![Client::default(); usize::from(world.clients)],
            past: VecDeque::new(),
            next_request: 1,
            next_order: vec![1; usize::from(world.shops)],
            next_scan: 1,
            steps,
            drawn: 0,
            inspect_at: INSPECT_EVERY,
            quiet: None,
            ending: None,
            then: VecDeque::new(),
            chance,
        };
        (drawer, world)
    }

    /// The next step; `None` when the run is over.
    pub fn next(&mut self, runner: &mut Runner) -> Option<Step> {
        self.hear(runner);
        self.drawn += 1;
        if self.quiet.is_some() || self.drawn > self.steps {
            return self.next_quiet(runner);
        }
        if self.drawn >= self.inspect_at {
            self.inspect_at += INSPECT_EVERY.max(self.drawn / 4);
            return Some(Step::Inspect);
        }
        Some(match self.then.pop_front() {
            Some(step) => step,
            None => self.next_busy(runner),
        })
    }

    /// Replies reach clients, or are lost on the way.
    fn hear(&mut self, runner: &mut Runner) {
        for (shop, request, reply) in runner.replies.drain(..) {
            if reply == Reply::Unknown || self.chance.permille(self.rates.lost_reply) {
                continue;
            }
            for client in &mut self.clients {
                let answered = client
                    .pending
                    .take_if(|pending| (pending.shop, pending.id) == (shop, request));
                if let Some(answered) = answered {
                    if self.past.len() == REMEMBERED {
                        // Some come again after days, when they are forgotten.
                        let gone = match self.world.archives {
                            true => self.chance.place(REMEMBERED),
                            false => 0,
                        };
                        self.past.remove(gone);
                    }
                    self.past.push_back(answered);
                }
            }
        }
    }

    fn next_busy(&mut self, runner: &Runner) -> Step {
        let Rates {
            commit,
            seal,
            tick,
            pass,
            jump,
            step_back,
            repeat,
            late,
            look,
            crash,
            fault,
            ..
        } = self.rates;
        let mut draw = self.chance.below(1_000) as u32;
        let mut falls = |rate: u32| {
            let falls = draw < rate;
            draw = if falls { u32::MAX } else { draw - rate };
            falls
        };
        if falls(commit) {
            return if self.chance.permille(250) {
                Step::Take
            } else {
                Step::Commit
            };
        }
        if falls(seal) {
            return if self.chance.permille(800) {
                Step::Seal
            } else {
                Step::Tend
            };
        }
        if falls(tick) {
            let limit = self.rates.tick_limit;
            return if self.chance.permille(850) {
                Step::Tick { limit }
            } else {
                Step::Stamp
            };
        }
        if falls(pass) {
            return self.pass(runner);
        }
        if falls(jump) {
            // Orders leave memory after days.
            let longest = if self.world.archives { 48 } else { 5 };
            let ms = self.chance.between(MINUTE, longest * HOUR);
            return Step::Pass { ms };
        }
        if falls(step_back) {
            let ms = -self.chance.between(1, 10 * MINUTE);
            return Step::Pass { ms };
        }
        if falls(look) {
            return self.look();
        }
        if falls(repeat)
            && let Some(request) = self.pending()
        {
            return Step::Send(request);
        }
        if falls(late) && !self.past.is_empty() {
            let place = self.chance.place(self.past.len());
            return Step::Send(self.past[place].clone());
        }
        if self.chance.permille(fault) && self.chance.permille(400) {
            return self.draw_trouble();
        }
        if self.chance.permille(self.rates.trim) && self.chance.permille(200) {
            if self.chance.permille(600) {
                return Step::Snapshot;
            }
            let permille = self.chance.below(1_001);
            return Step::Trim { permille };
        }
        if self.chance.permille(crash) && self.chance.permille(200) {
            return self.draw_crash();
        }
        if self.chance.permille(self.rates.grow) {
            let pieces = 1 + self.chance.below(3);
            return Step::Grow { pieces };
        }
        if self.world.archives && self.chance.permille(self.rates.archive) {
            return self.archive();
        }
        self.send(runner)
    }

    /// A run, often with a death in the middle of it or of a merge before it.
    fn archive(&mut self) -> Step {
        let keep = Step::Keep {
            limit: 1 + self.chance.place(3),
        };
        match self.chance.below(100) {
            0..=7 => {
                let (calls, seed) = (self.chance.below(12) as u32, self.chance.number());
                self.then.push_back(keep);
                if self.chance.permille(500) {
                    let outage_ms = 0;
                    self.then.push_back(Step::PowerCut { seed, outage_ms });
                }
                Step::Arm(match self.chance.permille(500) {
                    true => Fault::Kill { calls },
                    false => Fault::PowerCut { calls, seed },
                })
            }
            8..=49 => keep,
            50..=96 => Step::LetGo,
            _ => self.lose_run(),
        }
    }

    /// A run is gone; often the start that makes it again dies too, and then the power fails.
    fn lose_run(&mut self) -> Step {
        let lose = Step::LoseRun {
            number: self.chance.place(64),
        };
        if self.chance.permille(500) {
            return lose;
        }
        let (calls, seed) = (self.chance.below(12) as u32, self.chance.number());
        let outage_ms = 0;
        self.then.extend([lose, Step::PowerCut { seed, outage_ms }]);
        Step::Arm(Fault::Kill { calls })
    }

    /// A request that is under way already.
    fn pending(&mut self) -> Option<Request> {
        let place = self.chance.place(self.clients.len());
        self.clients[place].pending.clone()
    }

    fn look(&mut self) -> Step {
        let shop = self.shop();
        if self.chance.permille(200) {
            return Step::LookAtAll { shop };
        }
        let roles = [
            Role::Reviewer,
            Role::Picker,
            Role::Supervisor,
            Role::Dispatcher,
            Role::Carrier,
            Role::WavePlanner,
        ];
        Step::LookAtWork {
            shop,
            role: self.chance.of(&roles).number(),
            warehouse: self.warehouse_or_any(),
            page: 1 + self.chance.place(8),
        }
    }

    /// A little while, or exactly to a deadline and a millisecond beside it.
    fn pass(&mut self, runner: &Runner) -> Step {
        let live = (1..=self.world.shops)
            .filter_map(|shop| runner.model.shop(shop).next_due())
            .filter(|due| *due > runner.now)
            .min();
        match live {
            Some(due) if due - runner.now < DAY && self.chance.permille(350) => Step::Pass {
                ms: due - runner.now + self.chance.between(-1, 1),
            },
            _ if self.chance.permille(200) => Step::Pass {
                ms: self.chance.between(0, 20) * MINUTE,
            },
            _ => Step::Pass {
                ms: self.chance.between(1, 90 * SECOND),
            },
        }
    }

    fn draw_trouble(&mut self) -> Step {
        match self.world.store {
            Store::Synced | Store::Logged => Step::Arm(self.draw_fault()),
            // The archive stands on the machine's disk.
            Store::Stream { .. } if self.world.archives && self.chance.permille(300) => {
                Step::Arm(self.draw_fault())
            }
            Store::Stream { .. } if self.chance.permille(600) => Step::ArmSlip(self.draw_slip()),
            Store::Stream { mode, replicas } => Step::Suffer(self.draw_server(mode, replicas)),
        }
    }

    fn draw_slip(&mut self) -> Slip {
        let calls = self.chance.below(6) as u32;
        match self.chance.below(8) {
            0 => Slip::LoseCall { calls },
            1..=3 => Slip::LoseReply { calls },
            4 | 5 => Slip::Repeat {
                calls,
                later: self.chance.below(5) as u32,
            },
            6 => Slip::Slow {
                calls,
                ms: self.chance.below(8_000) as u32,
            },
            _ => Slip::Trouble {
                calls,
                trouble: match self.chance.permille(500) {
                    true => Trouble::Restart,
                    false => Trouble::AllRestart,
                },
            },
        }
    }

    /// Mostly what the mode withstands, so that a loss is never excused by another.
    fn draw_server(&mut self, mode: Mode, replicas: u32) -> Trouble {
        let replica = self.chance.below(u64::from(replicas.max(1))) as u32;
        match self.chance.below(12) {
            0..=2 if mode != Mode::RedisEverysec => Trouble::Restart,
            3 if mode != Mode::RedisEverysec => Trouble::AllRestart,
            4..=6 => Trouble::Lag { replica },
            7 | 8 if matches!(mode, Mode::RedisWait(_) | Mode::RedisWaitaof(_)) => {
                Trouble::FailoverToBest
            }
            _ if self.chance.permille(800) => Trouble::Lag { replica },
            _ => self.chance.of(&[
                Trouble::Restart,
                Trouble::AllRestart,
                Trouble::Failover { replica },
                Trouble::Flush,
                Trouble::EvictStream,
                Trouble::EvictHead,
                Trouble::AllowEviction,
            ]),
        }
    }

    fn draw_fault(&mut self) -> Fault {
        let chance = &mut self.chance;
        let calls = chance.below(12) as u32;
        let seed = chance.number();
        match chance.below(10) {
            0..=3 => Fault::PowerCut { calls, seed },
            4 | 5 => Fault::Kill { calls },
            6 => Fault::FailWrite {
                calls: calls / 2,
                bytes: chance.below(3_000) as u32,
            },
            7 => Fault::FailSync { calls: calls / 2 },
            8 if self.world.disk.lies => Fault::LieSync { calls: calls / 2 },
            8 => Fault::Full { calls },
            _ => Fault::Slow {
                calls,
                ms: chance.below(5_000) as u32,
            },
        }
    }

    fn draw_crash(&mut self) -> Step {
        let outage_ms = match self.chance.below(10) {
            0..=4 => self.chance.between(0, 10 * SECOND),
            5 | 6 => self.chance.between(0, 40 * MINUTE),
            7 => self.chance.between(0, 30 * HOUR),
            8 => 0,
            _ => -self.chance.between(1, HOUR),
        };
        let seed = self.chance.number();
        match self.chance.below(5) {
            0..=2 => Step::PowerCut { seed, outage_ms },
            3 if self.chance.permille(300) => Step::TakeOver { outage_ms },
            3 => Step::Kill { outage_ms },
            _ => Step::Close { outage_ms },
        }
    }

    /// Something new of a client that waits for nothing.
    fn send(&mut self, runner: &Runner) -> Step {
        let place = self.chance.place(self.clients.len());
        if let Some(pending) = &self.clients[place].pending {
            return if self.chance.permille(300) {
                Step::Send(pending.clone())
            } else {
                Step::Commit
            };
        }
        let shop = self.shop();
        let (ask, role, device) = self.ask(runner, shop);
        let reused = self.chance.permille(self.rates.key_reuse) && self.next_request > 1;
        let id = if reused {
            1 + self.chance.below(u64::from(self.next_request) - 1) as u32
        } else {
            self.next_request
        };
        let request = Request {
            id,
            shop,
            client: u8::try_from(place + 1).expect("few clients"),
            role: role.number(),
            device,
            ask,
        };
        if !reused {
            self.next_request += 1;
            self.clients[place].pending = Some(request.clone());
        }
        Step::Send(request)
    }

    // --- the quiet phase ---------------------------------------------------------

    fn next_quiet(&mut self, runner: &Runner) -> Option<Step> {
        let quiet = self.quiet.get_or_insert(0);
        *quiet += 1;
        if *quiet == 1 {
            self.rates.lost_reply = 0;
            return Some(Step::Disarm);
        }
        if *quiet > QUIET_STEPS {
            self.ending.get_or_insert_with(ending);
        }
        if let Some(ending) = &mut self.ending {
            return ending.pop_front();
        }
        if runner.is_busy() {
            return Some(Step::Commit);
        }
        if let Some(pending) = self
            .clients
            .iter()
            .find_map(|client| client.pending.clone())
        {
            return Some(Step::Send(pending));
        }
        if runner.model.frozen_at.is_some() {
            let request = Request {
                id: self.next_request,
                shop: 1,
                client: 1,
                role: Role::Admin.number(),
                device: 0,
                ask: Ask::ReconcileClock { reason: true },
            };
            self.next_request += 1;
            return Some(Step::Send(request));
        }
        let ends = (1..=self.world.shops)
            .map(|shop| runner.model.shop(shop))
            .flat_map(|shop| shop.live.iter().map(|order| &shop.orders[*order]))
            .flat_map(|order| &order.holds)
            .filter(|hold| hold.keeps())
            .map(|hold| hold.expires_at)
            .min();
        let Some(ends) = ends else {
            return self.ending.insert(ending()).pop_front();
        };
        let now = runner.now.max(runner.model.last_at);
        Some(if ends > now {
            Step::Pass {
                ms: ends - runner.now,
            }
        } else {
            Step::Tick { limit: 100 }
        })
    }

    // --- commands ----------------------------------------------------------------

    fn shop(&mut self) -> u8 {
        1 + self.chance.below(self.world.shops.into()) as u8
    }

    fn sku(&mut self) -> u8 {
        1 + self.chance.below(self.world.skus.into()) as u8
    }

    fn warehouse(&mut self) -> u8 {
        1 + self.chance.below(self.world.warehouses.into()) as u8
    }

    fn warehouse_or_any(&mut self) -> u8 {
        if self.chance.permille(500) {
            0
        } else {
            self.warehouse()
        }
    }

    fn units(&mut self, most: i64) -> Units {
        Units {
            sku: self.sku(),
            warehouse: self.warehouse(),
            quantity: self.chance.between(1, most),
        }
    }

    fn lines(&mut self) -> Vec<Units> {
        let count = 1 + self.chance.place(3);
        let lines = (0..count).map(|_| {
            let mut units = self.units(3);
            units.warehouse = self.warehouse_or_any();
            units
        });
        lines.collect()
    }

    fn ask(&mut self, runner: &Runner, shop: u8) -> (Ask, Role, u8) {
        let known = runner.model.shop(shop);
        let sum: u64 = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut draw = self.chance.below(sum);
        let mut kind = Kind::Place;
        for (candidate, weight) in &self.weights {
            if draw < *weight {
                kind = *candidate;
                break;
            }
            draw -= weight;
        }
        if known.shelves.is_empty() && self.chance.permille(900) {
            kind = Kind::Stock;
        }
        let rules = &known.rules;
        let keeps_all = rules.archive_after_days == 0
            || rules.archive_after_days > 2
            || rules.request_memory_days > 2;
        if self.world.archives && keeps_all && self.chance.permille(50) {
            return (Ask::PublishPolicy(self.rules()), Role::Admin, 0);
        }
        let admin = |ask| (ask, Role::Admin, 0);
        match kind {
            Kind::Place => admin(self.place(known, shop)),
            Kind::Pay => admin(self.pay(known, runner.now)),
            Kind::Change => admin(self.change(known)),
            Kind::Cancel => admin(self.cancel(known)),
            Kind::Floor => self.floor(known, runner.now),
            Kind::Stock => admin(self.stock(known)),
            Kind::Settings => admin(self.settings()),
        }
    }

    /// An order that clients have in mind; rarely one that nobody placed.
    fn order(&mut self, known: &Shop) -> u16 {
        if known.orders.is_empty() || self.chance.permille(self.rates.nonsense) {
            return 1 + self.chance.below(2_000) as u16;
        }
        let in_mind = match self.world.archives && self.chance.permille(250) {
            true => known.orders.len(),
            false => known.orders.len().min(IN_MIND),
        };
        let back = self.chance.place(in_mind);
        known.orders[known.orders.len() - 1 - back].number
    }

    /// An order that is as it should be, if one of a few is.
    fn order_that(&mut self, known: &Shop, is: impl Fn(&Order) -> bool) -> u16 {
        for _ in 0..6 {
            let number = self.order(known);
            if known
                .find(number)
                .is_some_and(|order| is(&known.orders[order]))
            {
                return number;
            }
        }
        self.order(known)
    }

    fn place(&mut self, known: &Shop, shop: u8) -> Ask {
        let next = &mut self.next_order[usize::from(shop) - 1];
        let mut order = *next;
        if self.chance.permille(150) {
            order = self.order(known);
        } else {
            *next = next.saturating_add(1);
        }
        let mut lines = self.lines();
        if self.chance.permille(300)
            && let Some(index) = known.find(order)
            && !known.orders[index].asked.is_empty()
        {
            // The same again, if an amend left anything of it.
            let asked = known.orders[index].asked.iter();
            lines = asked
                .map(|((sku, warehouse), quantity)| Units {
                    sku: *sku,
                    warehouse: *warehouse,
                    quantity: *quantity,
                })
                .collect();
        }
        Ask::Place(Placing {
            order,
            lines,
            paid: self.chance.permille(120),
            supersede: self.chance.permille(400),
            buyer: self.chance.below(4) as u8,
            urgency: 1 + self.chance.below(3) as u8,
            suspended: self.chance.permille(40),
        })
    }

    fn pay(&mut self, known: &Shop, now: Millis) -> Ask {
        let unpaid = |order: &Order| {
            order.status == OrderStatus::Open && order.parcels.iter().any(|parcel| parcel.node == 1)
        };
        let order = self.order_that(known, unpaid);
        let payment = 1 + self.chance.below(2) as u8;
        match self.chance.below(16) {
            0..=4 => Ask::StartPayment { order, payment },
            5..=7 => Ask::FailPayment { order, payment },
            8 => Ask::ConfirmDeposit {
                order,
                balance_due_at: now + self.chance.between(-HOUR, 40 * DAY),
            },
            9 | 10 => Ask::ConfirmPayment {
                order,
                payment,
                units: self.some_units(known, order),
                keep_rest: self.chance.permille(500),
            },
            _ => Ask::ConfirmPayment {
                order,
                payment,
                units: Vec::new(),
                keep_rest: false,
            },
        }
    }

    /// Some of an order's units, rarely more than it has.
    fn some_units(&mut self, known: &Shop, order: u16) -> Vec<Units> {
        let Some(order) = known.find(order) else {
            return vec![self.units(3)];
        };
        let order = &known.orders[order];
        if order.promises.is_empty() {
            return vec![self.units(3)];
        }
        let promise = &order.promises[self.chance.place(order.promises.len())];
        let has = promise.units + promise.awaited;
        let extra = i64::from(self.chance.permille(100));
        let mut units = vec![Units {
            sku: known.shelves[promise.shelf].sku,
            warehouse: 0,
            quantity: self.chance.between(1, has.max(1)) + extra,
        }];
        if self.chance.permille(150) {
            units.push(self.units(2));
        }
        units
    }

    fn change(&mut self, known: &Shop) -> Ask {
        let held = |order: &Order| order.live_hold().is_some();
        let order = self.order_that(known, held);
        match self.chance.below(4) {
            0 => Ask::Release { order },
            _ => {
                let mut units = self.some_units(known, order);
                for units in &mut units {
                    units.quantity = self.chance.between(0, 4);
                    units.warehouse = if self.chance.permille(700) {
                        0
                    } else {
                        1 + self.chance.below(self.world.warehouses.into()) as u8
                    };
                }
                Ask::Amend { order, units }
            }
        }
    }

    fn cancel(&mut self, known: &Shop) -> Ask {
        let open = |order: &Order| order.status == OrderStatus::Open;
        let order = self.order_that(known, open);
        let parcels = if self.chance.permille(300) {
            vec![1 + self.chance.below(3) as u8]
        } else {
            Vec::new()
        };
        let units = if self.chance.permille(400) {
            self.some_units(known, order)
        } else {
            Vec::new()
        };
        Ask::Cancel {
            order,
            parcels,
            units,
        }
    }

    fn parcel(&mut self, known: &Shop) -> ParcelRef {
        let moving = |order: &Order| {
            order.parcels.iter().any(|parcel| {
                parcel.is_open() && (2..=11).contains(&parcel.node) || parcel.to_put_back
            })
        };
        let order = self.order_that(known, moving);
        let parcels = known
            .find(order)
            .map_or(1, |index| known.orders[index].parcels.len());
        let extra = usize::from(self.chance.permille(self.rates.nonsense));
        ParcelRef {
            order,
            parcel: 1 + self.chance.place(parcels + extra) as u8,
        }
    }

    fn floor(&mut self, known: &Shop, now: Millis) -> (Ask, Role, u8) {
        let at = self.parcel(known);
        let parcel = known
            .find(at.order)
            .and_then(|order| known.orders[order].parcels.get(usize::from(at.parcel) - 1));
        let reason = self.chance.permille(850);
        let device = self.device(known, parcel.map_or(0, |parcel| parcel.warehouse));
        if parcel.is_some_and(|parcel| parcel.to_put_back) && self.chance.permille(500) {
            let scan = self.scan();
            return (Ask::PutBack { at, scan }, Role::Picker, device);
        }
        match self.chance.below(24) {
            0 => {
                let warehouse = self.warehouse();
                (Ask::Reroute { at, warehouse }, Role::Supervisor, 0)
            }
            1 => {
                let units = self.some_units(known, at.order);
                (Ask::Split { at, units }, Role::Supervisor, 0)
            }
            2 => (Ask::Suspend { at, reason }, Role::Supervisor, 0),
            3 | 4 if parcel.is_some_and(|parcel| parcel.suspended || parcel.intercepted) => {
                (Ask::Resume { at, reason }, Role::Supervisor, 0)
            }
            _ => {
                let node = self.node(parcel.map_or(1, |parcel| parcel.node));
                let entering = scanners(node);
                let role = if self.chance.permille(950) {
                    self.chance.of(entering)
                } else {
                    Role::Supervisor
                };
                let scan = Scan {
                    at,
                    node,
                    overriding: self.chance.permille(60),
                    scan: self.scan(),
                    reason,
                    occurred_at: self
                        .chance
                        .permille(200)
                        .then(|| now - self.chance.between(0, 30 * MINUTE)),
                    warehouse: if self.chance.permille(950) {
                        0
                    } else {
                        self.warehouse()
                    },
                    version: if self.chance.permille(200) {
                        let known = parcel.map_or(1, |parcel| parcel.version);
                        known.saturating_add(self.chance.below(2) as u32)
                    } else {
                        0
                    },
                };
                (Ask::Advance(scan), role, device)
            }
        }
    }

    /// The next node, a later one, or an earlier one.
    fn node(&mut self, from: u8) -> u8 {
        match self.chance.below(20) {
            0..=12 => (from + 1).min(12),
            13..=16 => (from + 1 + self.chance.below(3) as u8).min(12),
            17 => from.saturating_sub(1).max(1),
            18 => from,
            _ => 1 + self.chance.below(12) as u8,
        }
    }

    /// A scan's own number: a new one, none, or one that was used.
    fn scan(&mut self) -> u32 {
        match self.chance.below(10) {
            0..=5 => {
                self.next_scan += 1;
                self.next_scan
            }
            6 => 1 + self.chance.below(self.next_scan.into()) as u32,
            _ => 0,
        }
    }

    /// A device of the warehouse, mostly.
    fn device(&mut self, known: &Shop, warehouse: u8) -> u8 {
        let here = known.devices.iter().find(|(_, home)| **home == warehouse);
        match here {
            Some((device, _)) if self.chance.permille(900) => *device,
            _ if self.chance.permille(800) => 0,
            _ => 1 + self.chance.below(5) as u8,
        }
    }

    fn stock(&mut self, known: &Shop) -> Ask {
        let units = self.units(8);
        match self.chance.below(12) {
            0..=5 => Ask::Receive {
                units,
                to_qc: self.chance.permille(100),
            },
            6 | 7 => {
                let (from, to) = self.chance.of(&crate::model::BY_HAND);
                let wrong = self.chance.permille(self.rates.nonsense);
                Ask::Move {
                    units,
                    from: from.number(),
                    to: if wrong {
                        Bucket::Held.number()
                    } else {
                        to.number()
                    },
                }
            }
            8 | 9 => {
                let on_shelf = known.shelf(units.sku, units.warehouse).map_or(0, |shelf| {
                    let shelf = &known.shelves[shelf];
                    shelf.at(Bucket::Available)
                        + shelf.at(Bucket::Held)
                        + shelf.at(Bucket::Allocated)
                });
                let counted = (on_shelf + self.chance.between(-4, 2)).max(0);
                Ask::Count {
                    units: Units {
                        quantity: counted,
                        ..units
                    },
                    approved: self.chance.permille(950),
                }
            }
            _ => Ask::ConfigurePool {
                units: Units {
                    quantity: self.chance.between(0, 4),
                    ..units
                },
            },
        }
    }

    fn settings(&mut self) -> Ask {
        match self.chance.below(6) {
            0 | 1 => Ask::PublishPolicy(self.rules()),
            2..=4 => Ask::RegisterDevice {
                device: 1 + self.chance.below(5) as u8,
                warehouse: self.warehouse(),
                retired: self.chance.permille(150),
            },
            _ => Ask::ReconcileClock {
                reason: self.chance.permille(900),
            },
        }
    }

    fn rules(&mut self) -> Rules {
        let archives = self.world.archives;
        let chance = &mut self.chance;
        let hold_minutes = chance.of(&[1, 5, 15, 15, 60]);
        let paying_minutes = hold_minutes + chance.between(-1, 45);
        Rules {
            hold_minutes,
            paying_minutes,
            anchored_at_payment: chance.permille(400),
            paying_cap_minutes: paying_minutes + chance.between(0, 20),
            retry_grace_seconds: chance.of(&[0, 0, 60, 300]),
            outage_credit_minutes: chance.of(&[0, 15, 15, 20]),
            infer_nodes: chance.permille(800),
            require_registered_device: chance.permille(700),
            allow_split: chance.permille(300),
            most_stock: chance.permille(300),
            auto_review: chance.permille(300),
            refusal_memory_hours: chance.of(&[1, 24, 24]),
            units_per_buyer_and_sku: chance.permille(300).then(|| chance.between(2, 6)),
            holds_per_buyer: chance.permille(300).then(|| chance.between(1, 4)),
            archive_after_days: match archives {
                true => chance.of(&[0, 1, 1, 1, 2]),
                false => 0,
            },
            request_memory_days: match archives {
                true => chance.of(&[1, 1, 2, 180]),
                false => 180,
            },
        }
    }
}

fn ending() -> VecDeque<Step> {
    [Step::Seal, Step::AllQuiet, Step::Inspect].into()
}

fn draw_world(chance: &mut Chance) -> World {
    let peculiar = chance.below(20);
    World {
        shops: 1 + chance.below(3) as u8,
        skus: 1 + chance.below(8) as u8,
        warehouses: 1 + chance.below(3) as u8,
        clients: 1 + chance.below(64) as u8,
        disk: Make {
            page: chance.of(&[512, 4_096]),
            spoils_neighbours: peculiar == 0,
            misdirects: peculiar == 1,
            lies: peculiar == 2,
        },
        segment_bytes: chance.of(&[2_048, 8_192, 32_768, 1 << 20]),
        reserve_bytes: chance.of(&[512, 4_096, 16_384]),
        store: draw_store(chance),
        archives: chance.permille(400),
    }
}

fn draw_store(chance: &mut Chance) -> Store {
    let needed = 1 + chance.below(2) as u32;
    let mode = match chance.below(16) {
        0..=8 => return Store::Synced,
        9 | 10 => return Store::Logged,
        11 => Mode::RedisEverysec,
        12 => Mode::RedisAlways,
        13 | 14 => Mode::RedisWait(needed),
        _ => Mode::RedisWaitaof(needed),
    };
    Store::Stream {
        mode,
        replicas: needed + chance.below(2) as u32,
    }
}

fn draw_rates(chance: &mut Chance, archives: bool) -> Rates {
    let mut rate = |most: u64| {
        if chance.permille(250) {
            0
        } else {
            1 + chance.below(most) as u32
        }
    };
    Rates {
        commit: 20 + rate(200),
        seal: rate(30),
        tick: 10 + rate(60),
        pass: 20 + rate(80),
        jump: rate(3) + if archives { 8 } else { 0 },
        step_back: rate(5),
        repeat: rate(60),
        late: rate(40),
        lost_reply: rate(200),
        key_reuse: rate(20),
        nonsense: rate(60),
        look: rate(15),
        crash: rate(40),
        fault: rate(40),
        trim: rate(20),
        grow: rate(40),
        archive: 30 + rate(150),
        tick_limit: 1 + rate(20) as usize,
    }
}
