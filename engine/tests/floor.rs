//! Stories of the floor: nodes, rework, inference, cancels, batches, warehouses.

mod house;

use holdfast_engine::domain::command::{
    Command, ConfigurePool, ConfigureSku, ConfigureWarehouse, CountStock, Line, MapChannelSkus,
    MoveStock, PublishPolicy, PutBackParcel, ReceiveStock, RegisterDevice, RerouteParcel,
    ResumeParcel, SkuMapping, SplitParcel, SuspendParcel,
};
use holdfast_engine::domain::orders::agenda::Task;
use holdfast_engine::domain::orders::lifecycle::{CancelMeaning, Edge, Node, Role};
use holdfast_engine::domain::orders::parcel::Colour;
use holdfast_engine::domain::outcome::Done;
use holdfast_engine::domain::refusal::RefusalCode;
use holdfast_engine::domain::state::Decision;
use holdfast_engine::domain::time::{DAY, HOUR, MINUTE};
use holdfast_engine::domain::words::{
    Bucket, CancelResult, Flag, Flags, OrderStatus, SourceChannel, Urgency,
};
use house::{House, advance, cancel, code, confirm, line, order, place};

/// A paid order of one cup, its parcel walked to `node`.
fn at(node: Node) -> House {
    let mut house = House::stocked(&[("cup", 3)]);
    if node == Node::AwaitingPayment {
        house.place("A", &[("cup", 2)]).expect("placed");
    } else {
        house.paid("A", &[("cup", 2)]);
        house.walk("A/1", node);
    }
    house
}

fn has(house: &House, parcel_id: &str, flag: Flag) -> bool {
    Flags::from_bits(house.parcel(parcel_id).flags).has(flag)
}

#[test]
fn a_parcel_walks_all_twelve_nodes_and_stock_goes_down_at_the_gate() {
    let mut house = at(Node::AwaitingLoading);
    assert_eq!(house.units("cup", Bucket::Allocated), 2);
    house.walk("A/1", Node::Departed);
}

#[test]
fn stock_leaves_at_node_10_and_the_order_completes_after_its_window() {
    let mut house = at(Node::Signed);
    assert_eq!(
        (
            house.units("cup", Bucket::Allocated),
            house.units("cup", Bucket::Available)
        ),
        (0, 1)
    );
    house.pass(7 * DAY);
    house.tick();
    assert_eq!(
        house.order("A").status,
        u32::from(OrderStatus::Completed.number())
    );
    house.check_replay();
}

/// Check 11, first half: every node with every target has the lifecycle's answer.
#[test]
fn every_node_with_every_target() {
    for from in Node::ALL
        .iter()
        .copied()
        .filter(|node| *node > Node::AwaitingPayment)
    {
        for to in Node::ALL.iter().copied() {
            let mut house = at(from);
            let before = house.parcel("A/1");
            let answered = house.scan_any("A/1", to);
            match from.edge(to) {
                Edge::Forward | Edge::Skip | Edge::Rework => {
                    let done =
                        answered.unwrap_or_else(|refusal| panic!("{from} to {to}: {refusal}"));
                    assert_eq!(house.node("A/1"), to);
                    assert_eq!(done.inferred.len(), from.between(to).count());
                }
                Edge::Late | Edge::Blocked(Node::Departed) => {
                    assert!(
                        answered.expect("kept as evidence").evidence_only,
                        "{from} to {to}"
                    );
                    assert_eq!(house.node("A/1"), from);
                }
                Edge::Blocked(_) => {
                    let refusal = answered.expect_err("blocked");
                    assert_eq!(refusal.code(), RefusalCode::IllegalTransition);
                    assert_eq!(refusal.get("current"), from.id());
                    assert_eq!(house.parcel("A/1"), before, "a refusal changes nothing");
                }
            }
            house.check_replay();
        }
    }
}

/// Check 11, second half: every node with a cancel and the next scan.
#[test]
fn every_node_with_a_cancel_and_the_scan_after_it() {
    for node in Node::ALL.iter().copied() {
        let mut house = at(node);
        let answered = house.submit(cancel("A"));
        let (result, bucket) = match node.spec().on_cancel {
            CancelMeaning::Release | CancelMeaning::Deallocate => {
                (CancelResult::Cancelled, Bucket::Available)
            }
            CancelMeaning::PutBack => (CancelResult::PutbackOpen, Bucket::Putback),
            CancelMeaning::Intercept => (CancelResult::InterceptOpened, Bucket::Available),
            CancelMeaning::Refuse => {
                assert_eq!(code(answered), RefusalCode::CancelRefused);
                continue;
            }
        };
        let done = answered.expect("accepted");
        assert_eq!(done.cancels[0].result, u32::from(result.number()), "{node}");
        if result == CancelResult::InterceptOpened {
            assert!(has(&house, "A/1", Flag::Intercept));
            assert_eq!(
                house.order("A").status,
                u32::from(OrderStatus::Open.number())
            );
            house
                .scan_any("A/1", Node::Signed)
                .expect("the carrier was faster");
            continue;
        }
        assert_eq!(
            house.units("cup", bucket),
            if bucket == Bucket::Available { 3 } else { 2 }
        );
        let refusal = house.scan_any("A/1", Node::Picking).expect_err("cancelled");
        assert_eq!(refusal.code(), RefusalCode::ParcelCancelled);
        assert_eq!(
            refusal.message_zh().contains("订单已取消，放入退货框"),
            bucket == Bucket::Putback,
            "{node}"
        );
        if bucket == Bucket::Putback {
            house.done(Command::PutBackParcel(PutBackParcel {
                parcel_id: "A/1".into(),
                scan_id: "s".into(),
            }));
            assert_eq!(
                (
                    house.units("cup", Bucket::Putback),
                    house.units("cup", Bucket::Available)
                ),
                (0, 3)
            );
        }
        let again = house.done(cancel("A"));
        assert_eq!(
            again.cancels[0].result,
            u32::from(CancelResult::AlreadyCancelled.number())
        );
        house.check_replay();
    }
}

impl House {
    /// A scan by a role that may enter the node, or ADMIN where only the engine does.
    fn scan_any(
        &mut self,
        parcel_id: &str,
        node: Node,
    ) -> Result<holdfast_engine::domain::outcome::Done, holdfast_engine::domain::refusal::Refusal>
    {
        self.scan(parcel_id, node)
    }
}

#[test]
fn a_late_scan_is_kept_and_moves_nothing() {
    let mut house = at(Node::Packed);
    let version = house.parcel("A/1").version;
    assert!(
        house
            .scan("A/1", Node::Picking)
            .expect("kept")
            .evidence_only
    );
    assert_eq!(
        (house.node("A/1"), house.parcel("A/1").version),
        (Node::Packed, version)
    );
}

#[test]
fn a_carrier_scan_without_a_departure_raises_missing_departure_until_a_supervisor_records_it() {
    let mut house = at(Node::AwaitingLoading);
    assert!(
        house
            .scan("A/1", Node::WithCarrier)
            .expect("kept")
            .evidence_only
    );
    assert!(has(&house, "A/1", Flag::MissingDeparture));
    let Command::AdvanceParcel(departed) = advance("A/1", Node::Departed) else {
        unreachable!()
    };
    house.done(Command::OverrideParcel(departed));
    assert!(!has(&house, "A/1", Flag::MissingDeparture));
    assert_eq!(house.units("cup", Bucket::Allocated), 0);
    house.check_replay();
}

#[test]
fn inference_may_be_switched_off() {
    let mut house = at(Node::WarehouseAssigned);
    house.done(Command::PublishPolicy(PublishPolicy {
        policy_json: r#"{"infer_nodes": false}"#.into(),
    }));
    assert_eq!(
        code(house.scan("A/1", Node::Picking)),
        RefusalCode::IllegalTransition
    );
}

#[test]
fn skipped_nodes_are_written_as_inferred_with_the_scans_own_time() {
    let mut house = at(Node::WarehouseAssigned);
    house.scan("A/1", Node::Picking).expect("skips the wave");
    let (id, index) = house.m().find_parcel("A/1").expect("known");
    let steps = &house.m().orders.get(id).parcels[index].steps;
    let inferred: Vec<Node> = steps
        .iter()
        .filter(|step| step.marks & 1 != 0)
        .map(|step| step.node)
        .collect();
    assert_eq!(inferred, [Node::WaveAssigned]);
    assert_eq!(
        steps[steps.len() - 1].occurred_at,
        steps[steps.len() - 2].occurred_at
    );
}

#[test]
fn only_the_nodes_role_and_a_registered_device_may_scan() {
    let mut house = at(Node::WaveAssigned);
    house.role = Role::Labeler;
    let refusal = house.refused(advance("A/1", Node::Picking));
    assert_eq!(
        (refusal.code(), refusal.get("allowed")),
        (RefusalCode::RoleNotAllowed, "PICKER")
    );
    house.role = Role::Picker;
    house.device = "pda-7".into();
    assert_eq!(
        house.refused(advance("A/1", Node::Picking)).code(),
        RefusalCode::DeviceNotRegistered
    );
    house.done(Command::RegisterDevice(RegisterDevice {
        device: "pda-7".into(),
        warehouse: "hangzhou".into(),
        kind: "PDA".into(),
        retired: false,
    }));
    house.done(advance("A/1", Node::Picking));
}

/// Pain 36: a double scan is one event and one answer, whatever request carries it.
#[test]
fn a_repeated_scan_id_gets_the_first_answer() {
    let mut house = at(Node::WaveAssigned);
    house.role = Role::Picker;
    let Command::AdvanceParcel(mut scan) = advance("A/1", Node::Picking) else {
        unreachable!()
    };
    scan.scan_id = "pda-7-000123".into();
    house.done(Command::AdvanceParcel(scan.clone()));
    let version = house.parcel("A/1").version;
    let again = house.submission(Command::AdvanceParcel(scan.clone()));
    assert!(matches!(house.decide(&again), Decision::Repeat(_)));
    assert_eq!(house.parcel("A/1").version, version);
    scan.node = Node::Checked;
    let other = house.submission(Command::AdvanceParcel(scan));
    assert!(
        matches!(house.decide(&other), Decision::Fresh(refusal, _) if refusal.code() == RefusalCode::KeyReused)
    );
}

#[test]
fn a_stale_version_is_refused_with_the_current_node() {
    let mut house = at(Node::WaveAssigned);
    house.role = Role::Picker;
    let Command::AdvanceParcel(mut scan) = advance("A/1", Node::Picking) else {
        unreachable!()
    };
    scan.expected_version = 1;
    let refusal = house.refused(Command::AdvanceParcel(scan));
    assert_eq!(
        (refusal.code(), refusal.get("current")),
        (RefusalCode::VersionConflict, "WAVE_ASSIGNED")
    );
}

#[test]
fn a_device_clock_may_run_five_minutes_behind_and_no_more() {
    let mut house = at(Node::WaveAssigned);
    house.role = Role::Picker;
    let previous = house.now;
    let scan = |occurred_at| {
        let Command::AdvanceParcel(mut scan) = advance("A/1", Node::Picking) else {
            unreachable!()
        };
        scan.occurred_at = Some(occurred_at);
        Command::AdvanceParcel(scan)
    };
    assert_eq!(
        house.refused(scan(previous - 5 * MINUTE - 1)).code(),
        RefusalCode::OccurredTooEarly
    );
    house.done(scan(previous - 5 * MINUTE));
}

#[test]
fn dwell_turns_yellow_then_red_and_urgency_halves_it() {
    for (urgency, minutes) in [(Urgency::Normal, 60), (Urgency::Urgent, 30)] {
        let mut house = House::stocked(&[("cup", 3)]);
        let mut place = order("A", vec![line("cup", 1)]);
        place.urgency = urgency;
        house.done(Command::PlaceOrder(Box::new(place)));
        house.confirm("A").expect("paid");
        house
            .scan("A/1", Node::WarehouseAssigned)
            .expect("reviewed");
        let colour = |house: &House| {
            let (id, index) = house.m().find_parcel("A/1").expect("known");
            house.m().orders.get(id).parcels[index].colour(house.now)
        };
        house.pass(minutes * MINUTE - 1);
        house.tick();
        assert_eq!(
            (colour(&house), house.m().totals.overdue_parcels),
            (Colour::Green, 0)
        );
        house.pass(1);
        house.tick();
        assert_eq!(
            (colour(&house), house.m().totals.overdue_parcels),
            (Colour::Yellow, 1)
        );
        house.pass(minutes * MINUTE);
        house.tick();
        assert_eq!(colour(&house), Colour::Red);
        house.scan("A/1", Node::WaveAssigned).expect("waved");
        assert_eq!(
            (colour(&house), house.m().totals.overdue_parcels),
            (Colour::Green, 0)
        );
        house.check_replay();
    }
}

#[test]
fn the_channels_promise_turns_a_parcel_red_before_twice_its_dwell() {
    let mut house = House::stocked(&[("cup", 3)]);
    let mut place = order("A", vec![line("cup", 1)]);
    place.ship_by = Some(house.now + 80 * MINUTE);
    house.done(Command::PlaceOrder(Box::new(place)));
    house.confirm("A").expect("paid");
    house
        .scan("A/1", Node::WarehouseAssigned)
        .expect("reviewed");
    assert_eq!(house.parcel("A/1").red_at, house.now + 20 * MINUTE);
    house.pass(20 * MINUTE);
    house.tick();
    assert!(has(&house, "A/1", Flag::Overdue));
}

#[test]
fn only_working_hours_count_on_the_floor() {
    let mut house = House::stocked(&[("cup", 3)]);
    // 09:00 to 18:00 in Shanghai; the story starts at midnight.
    let hours = ConfigureWarehouse {
        warehouse: "hangzhou".into(),
        rank: 0,
        province: String::new(),
        serves_provinces: vec![],
        working_hours: vec![(0, 540, 1080)],
        closed_days: vec![],
    };
    house.done(Command::ConfigureWarehouse(hours));
    house.paid("A", &[("cup", 1)]);
    house
        .scan("A/1", Node::WarehouseAssigned)
        .expect("reviewed at night");
    assert_eq!(house.parcel("A/1").due_at, house::START + 10 * HOUR);
}

#[test]
fn each_role_sees_its_work_most_urgent_first_and_only_its_own() {
    let mut house = House::stocked(&[("cup", 9)]);
    for (number, urgency) in [
        ("A", Urgency::Normal),
        ("B", Urgency::Critical),
        ("C", Urgency::Urgent),
    ] {
        let mut place = order(number, vec![line("cup", 1)]);
        place.urgency = urgency;
        house.done(Command::PlaceOrder(Box::new(place)));
        house.confirm(number).expect("paid");
        house.pass(MINUTE);
    }
    let numbers = |house: &House, role| -> Vec<String> {
        let tasks: Vec<Task> = house.m().agenda.tasks(role, 0, None, 10);
        tasks
            .iter()
            .map(|task| house.m().orders.get(task.order).number.to_string())
            .collect()
    };
    assert_eq!(numbers(&house, Role::Reviewer), ["B", "C", "A"]);
    assert_eq!(numbers(&house, Role::Picker), Vec::<String>::new());
    house
        .scan("C/1", Node::WarehouseAssigned)
        .expect("reviewed");
    assert_eq!(
        (
            numbers(&house, Role::Reviewer).len(),
            numbers(&house, Role::WavePlanner)
        ),
        (2, vec!["C".to_owned()])
    );
    house.done(Command::SuspendParcel(SuspendParcel {
        parcel_id: "C/1".into(),
        reason: "RISK".into(),
        owner: Role::Supervisor,
        review_minutes: 0,
    }));
    assert_eq!(
        (
            numbers(&house, Role::WavePlanner).len(),
            numbers(&house, Role::Supervisor)
        ),
        (0, vec!["C".to_owned()])
    );
    house.check_replay();
}

#[test]
fn a_suspended_parcel_stands_still_until_a_person_decides() {
    let mut house = at(Node::WarehouseAssigned);
    house.done(Command::SuspendParcel(SuspendParcel {
        parcel_id: "A/1".into(),
        reason: "RISK".into(),
        owner: Role::Supervisor,
        review_minutes: 0,
    }));
    let refusal = house
        .scan("A/1", Node::WaveAssigned)
        .expect_err("suspended");
    assert_eq!(
        (refusal.code(), refusal.get("reason"), refusal.get("owner")),
        (RefusalCode::Suspended, "RISK", "SUPERVISOR")
    );
    assert_eq!(house.parcel("A/1").due_at, house.now + 120 * MINUTE);
    house.done(Command::ResumeParcel(ResumeParcel {
        parcel_id: "A/1".into(),
        reason: "approved".into(),
    }));
    house.scan("A/1", Node::WaveAssigned).expect("goes on");
    house.check_replay();
}

fn receive_batch(house: &mut House, batch: &str, quantity: i64, days: i64) {
    let expires_at = Some(house.now + days * DAY);
    house.done(Command::ReceiveStock(ReceiveStock {
        sku: "tea".into(),
        warehouse: "hangzhou".into(),
        quantity,
        batch: batch.into(),
        expires_at,
        qc_report: format!("QC-{batch}"),
        to_qc: false,
        reason: String::new(),
    }));
}

fn pinned(house: &House, batch: &str) -> i64 {
    let m = house.m();
    let pool = &m.pools[0];
    pool.batch(m.names.find(batch).expect("named"))
        .expect("known")
        .get(Bucket::Allocated)
}

#[test]
fn batches_are_pinned_at_node_3_first_to_expire_first() {
    let mut house = House::new();
    receive_batch(&mut house, "late", 5, 90);
    receive_batch(&mut house, "soon", 2, 30);
    receive_batch(&mut house, "gone", 4, 1);
    house.paid("A", &[("tea", 3)]);
    assert_eq!(pinned(&house, "soon"), 0, "not before node 3");
    house.pass(2 * DAY);
    house.scan("A/1", Node::WarehouseAssigned).expect("pinned");
    assert_eq!(
        (
            pinned(&house, "gone"),
            pinned(&house, "soon"),
            pinned(&house, "late")
        ),
        (0, 2, 1)
    );
    house.paid("B", &[("tea", 5)]);
    let refusal = house
        .scan("B/1", Node::WarehouseAssigned)
        .expect_err("one batch has expired");
    assert_eq!(
        (refusal.code(), refusal.get("asked"), refusal.get("free")),
        (RefusalCode::BatchInsufficient, "5", "4")
    );
    house.walk_on("A/1", Node::Departed);
    assert_eq!(pinned(&house, "soon"), 0);
    house.check_replay();
}

impl House {
    fn walk_on(&mut self, parcel_id: &str, node: Node) {
        let from = self.node(parcel_id);
        for step in Node::ALL
            .iter()
            .copied()
            .filter(|step| *step > from && *step <= node)
        {
            self.scan(parcel_id, step)
                .unwrap_or_else(|refusal| panic!("{step}: {refusal}"));
        }
    }
}

#[test]
fn a_cold_chain_sku_is_pinned_when_it_is_held_and_a_named_batch_is_kept() {
    let mut house = House::new();
    receive_batch(&mut house, "soon", 2, 30);
    receive_batch(&mut house, "late", 2, 90);
    house.done(Command::ConfigureSku(ConfigureSku {
        sku: "tea".into(),
        pin_batch_at_hold: true,
        bundle: vec![],
    }));
    house.place("A", &[("tea", 1)]).expect("placed");
    let mut named = order(
        "B",
        vec![Line {
            batch: "late".into(),
            ..line("tea", 2)
        }],
    );
    house.done(Command::PlaceOrder(Box::new(named.clone())));
    let held = |house: &House, batch: &str| {
        house.m().pools[0]
            .batch(house.m().names.find(batch).expect("named"))
            .expect("known")
            .get(Bucket::Held)
    };
    assert_eq!((held(&house, "soon"), held(&house, "late")), (1, 2));
    named.order_number = "C".into();
    named.lines = vec![Line {
        batch: "late".into(),
        ..line("tea", 1)
    }];
    assert_eq!(
        house.refused(Command::PlaceOrder(Box::new(named))).code(),
        RefusalCode::StockInsufficient
    );
    house.pass(15 * MINUTE);
    house.tick();
    assert_eq!((held(&house, "soon"), held(&house, "late")), (0, 0));
    house.check_replay();
}

/// S7: promised beyond what is there, filled oldest first, never past node 3.
#[test]
fn backorders_are_filled_oldest_first_and_stop_at_node_3() {
    let mut house = House::stocked(&[("cup", 1)]);
    let limit = |limit| {
        Command::ConfigurePool(ConfigurePool {
            sku: "cup".into(),
            warehouse: "hangzhou".into(),
            backorder_limit: limit,
            channel_buffers: vec![],
        })
    };
    house.done(limit(3));
    house.paid("A", &[("cup", 2)]);
    house.paid("B", &[("cup", 2)]);
    assert_eq!(
        code(house.place("C", &[("cup", 1)])),
        RefusalCode::StockInsufficient
    );
    house
        .scan("A/1", Node::WarehouseAssigned)
        .expect("may wait at node 3");
    assert_eq!(
        code(house.scan("A/1", Node::WaveAssigned)),
        RefusalCode::BackorderOpen
    );
    assert_eq!(house.receive("cup", "hangzhou", 2).backorders_filled, 2);
    house.scan("A/1", Node::WaveAssigned).expect("complete");
    assert!(has(&house, "B/1", Flag::Backordered) && !has(&house, "A/1", Flag::Backordered));
    assert_eq!(house.receive("cup", "hangzhou", 2).backorders_filled, 1);
    assert_eq!(house.units("cup", Bucket::Available), 1);
    house.check_replay();
}

/// S8: a count may break promises, the newest unpaid ones first, and says whose.
#[test]
fn a_deep_count_marks_the_newest_promises_short() {
    let mut house = House::stocked(&[("cup", 6)]);
    house.paid("A", &[("cup", 2)]);
    house.place("B", &[("cup", 2)]).expect("placed");
    house.paid("C", &[("cup", 1)]);
    let count = CountStock {
        sku: "cup".into(),
        warehouse: "hangzhou".into(),
        batch: String::new(),
        counted: 2,
        reason: "stock-taking".into(),
        approver: "boss".into(),
    };
    let done = house.done(Command::CountStock(count));
    let short: Vec<(&str, i64)> = done
        .short
        .iter()
        .map(|short| (short.order_number.as_str(), short.quantity))
        .collect();
    assert_eq!((done.difference, short), (-4, vec![("B", 2), ("C", 1)]));
    assert_eq!(
        (
            house.units("cup", Bucket::Held),
            house.units("cup", Bucket::Allocated)
        ),
        (0, 2)
    );
    house
        .scan("C/1", Node::WarehouseAssigned)
        .expect("may be settled");
    assert_eq!(
        code(house.scan("C/1", Node::WaveAssigned)),
        RefusalCode::ShortPromise
    );
    house.check_replay();
}

#[test]
fn stock_moves_by_hand_along_the_matrix_only() {
    let mut house = House::stocked(&[("cup", 5)]);
    let move_stock = |from, to, quantity| {
        Command::MoveStock(MoveStock {
            sku: "cup".into(),
            warehouse: "hangzhou".into(),
            batch: String::new(),
            from,
            to,
            quantity,
            reason: "r".into(),
        })
    };
    house.done(move_stock(Bucket::Available, Bucket::Safety, 2));
    house.done(move_stock(Bucket::Available, Bucket::Frozen, 1));
    assert_eq!(house.units("cup", Bucket::Available), 2);
    assert_eq!(
        house
            .refused(move_stock(Bucket::Available, Bucket::Safety, 3))
            .code(),
        RefusalCode::StockInsufficient
    );
    assert_eq!(
        house
            .refused(move_stock(Bucket::Available, Bucket::Customer, 1))
            .code(),
        RefusalCode::MovementIllegal
    );
    assert_eq!(
        house
            .refused(move_stock(Bucket::Held, Bucket::Available, 1))
            .code(),
        RefusalCode::MovementIllegal
    );
    house.check_replay();
}

/// Pain 7: goods leave the warehouse that promised them, or are re-routed whole.
#[test]
fn a_reroute_moves_the_promise_in_one_step() {
    for node in [Node::AwaitingPayment, Node::UnderReview, Node::WaveAssigned] {
        let mut house = at(node);
        house.receive("cup", "suzhou", 5);
        let reroute = |warehouse: &str| {
            Command::RerouteParcel(RerouteParcel {
                parcel_id: "A/1".into(),
                warehouse: warehouse.into(),
                reason: "closer".into(),
            })
        };
        house.done(reroute("suzhou"));
        assert_eq!(
            (
                house.units("cup", Bucket::Available),
                house.units_in("cup", "suzhou", Bucket::Available)
            ),
            (3, 3)
        );
        assert_eq!(
            house.refused(reroute("nowhere")).code(),
            RefusalCode::WarehouseUnknown
        );
        house.check_replay();
    }
    let mut house = at(Node::WaveAssigned);
    let Command::AdvanceParcel(mut scan) = advance("A/1", Node::Picking) else {
        unreachable!()
    };
    scan.warehouse = "suzhou".into();
    house.role = Role::Picker;
    assert_eq!(
        house.refused(Command::AdvanceParcel(scan)).code(),
        RefusalCode::WarehouseMismatch
    );
    let mut late = at(Node::Picking);
    late.receive("cup", "suzhou", 5);
    let reroute = Command::RerouteParcel(RerouteParcel {
        parcel_id: "A/1".into(),
        warehouse: "suzhou".into(),
        reason: String::new(),
    });
    assert_eq!(late.refused(reroute).code(), RefusalCode::RerouteTooLate);
}

#[test]
fn a_parcel_may_be_split_until_it_is_packed() {
    let split = || {
        Command::SplitParcel(SplitParcel {
            parcel_id: "A/1".into(),
            units: vec![("cup".into(), 1)],
            reason: "two boxes".into(),
        })
    };
    let mut house = at(Node::Checked);
    house.done(split());
    house.walk_on("A/1", Node::Departed);
    assert_eq!(
        (house.units("cup", Bucket::Allocated), house.node("A/2")),
        (1, Node::Checked)
    );
    house.walk_on("A/2", Node::Signed);
    house.check_replay();
    let mut late = at(Node::AwaitingLoading);
    assert_eq!(late.refused(split()).code(), RefusalCode::SplitTooLate);
}

#[test]
fn an_order_over_two_warehouses_has_two_parcels_and_speaks_through_the_least_advanced() {
    let mut house = House::new();
    house.receive("cup", "hangzhou", 1);
    house.receive("pot", "suzhou", 1);
    house.paid("A", &[("cup", 1), ("pot", 1)]);
    house.walk("A/2", Node::Picking);
    let view = house.order("A");
    assert_eq!(
        (view.parcels.len(), view.node),
        (2, u32::from(Node::UnderReview.number()))
    );
    let mut one = house::cancel("A");
    if let Command::CancelOrder(cancel) = &mut one {
        cancel.parcel_ids = vec!["A/1".into()];
    }
    house.done(one);
    assert_eq!(
        (house.order("A").node, house.order("A").status),
        (
            u32::from(Node::Picking.number()),
            u32::from(OrderStatus::Open.number())
        )
    );
    house.check_replay();
}

/// Cancels units of an order.
fn cancel_units(number: &str, units: &[(&str, i64)]) -> Command {
    let Command::CancelOrder(mut cancel) = house::cancel(number) else {
        unreachable!("that is a cancel")
    };
    cancel.units = units
        .iter()
        .map(|(sku, quantity)| ((*sku).to_owned(), *quantity))
        .collect();
    Command::CancelOrder(cancel)
}

/// What a cancel did: parcel and result.
fn cancels(done: &Done) -> Vec<(u32, u32)> {
    let cancels = done.cancels.iter();
    cancels.map(|view| (view.parcel, view.result)).collect()
}

#[test]
fn lines_are_cancelled_by_the_node_of_their_parcel_and_the_rest_goes_on() {
    let mut house = House::stocked(&[("cup", 10), ("pot", 2)]);
    let result = |result: CancelResult| u32::from(result.number());

    // Unpaid: a unit of the hold is free again, the order waits for the rest.
    house.done(Command::PlaceOrder(Box::new(order(
        "U",
        vec![line("cup", 2), line("pot", 1)],
    ))));
    let done = house.done(cancel_units("U", &[("cup", 1)]));
    assert_eq!(cancels(&done), [(2, result(CancelResult::Cancelled))]);
    assert_eq!(house.units("cup", Bucket::Held), 1);
    house.done(confirm("U"));
    assert_eq!(house.units("cup", Bucket::Allocated), 1);

    // Being picked: one cup goes back to the shelf by a put-back scan.
    house.paid("P", &[("cup", 3)]);
    house.walk("P/1", Node::Picking);
    let done = house.done(cancel_units("P", &[("cup", 1)]));
    assert_eq!(cancels(&done), [(2, result(CancelResult::PutbackOpen))]);
    assert_eq!(house.units("cup", Bucket::Putback), 1);
    house.walk("P/1", Node::Packed);

    // All the units of a parcel are the parcel.
    let done = house.done(cancel_units("P", &[("cup", 2)]));
    assert_eq!(cancels(&done), [(1, result(CancelResult::PutbackOpen))]);
    assert_eq!(
        house.order("P").status,
        u32::from(OrderStatus::Cancelled.number())
    );

    // More than there is, and a parcel that is closed already: nothing changes.
    house.paid("L", &[("cup", 2)]);
    house.walk("L/1", Node::AwaitingLoading);
    assert_eq!(
        house.refused(cancel_units("L", &[("cup", 3)])).code(),
        RefusalCode::FieldInvalid
    );
    assert_eq!(
        house.refused(cancel_units("L", &[("cup", 1)])).code(),
        RefusalCode::SplitTooLate
    );
    assert_eq!(house.order("L").parcels.len(), 1);
    house.check_replay();
}

#[test]
fn a_prepaid_order_enters_review_with_node_1_inferred() {
    let mut house = House::stocked(&[("cup", 1)]);
    let mut paid = order("A", vec![line("cup", 1)]);
    paid.paid = true;
    let view = house
        .done(Command::PlaceOrder(Box::new(paid)))
        .order
        .expect("an order");
    assert_eq!(
        (view.node, view.hold_generation),
        (u32::from(Node::UnderReview.number()), 0)
    );
    assert_eq!(house.units("cup", Bucket::Allocated), 1);
    house.check_replay();
}

#[test]
fn bundles_are_held_as_components_all_or_none() {
    let mut house = House::stocked(&[("cup", 4), ("pot", 1)]);
    house.done(Command::ConfigureSku(ConfigureSku {
        sku: "set".into(),
        pin_batch_at_hold: false,
        bundle: vec![("cup".into(), 2), ("pot".into(), 1)],
    }));
    assert_eq!(
        code(house.place("A", &[("set", 2)])),
        RefusalCode::StockInsufficient
    );
    assert_eq!(house.units("cup", Bucket::Held), 0);
    house.place("A", &[("set", 1), ("cup", 2)]).expect("placed");
    assert_eq!(
        (
            house.units("cup", Bucket::Held),
            house.units("pot", Bucket::Held)
        ),
        (4, 1)
    );
    assert_eq!(
        house.refused(house::receive("set", "hangzhou", 1)).code(),
        RefusalCode::BundleInvalid
    );
    house.check_replay();
}

#[test]
fn an_unmapped_channel_sku_becomes_work_and_never_a_guess() {
    let mut house = House::stocked(&[("cup", 4)]);
    let mut place = order(
        "A",
        vec![Line {
            channel_sku: "9001".into(),
            outer_code: "CUP-A".into(),
            quantity: 1,
            ..Line::default()
        }],
    );
    place.shop_id = "s1".into();
    assert_eq!(
        house
            .refused(Command::PlaceOrder(Box::new(place.clone())))
            .code(),
        RefusalCode::SkuUnmapped
    );
    assert_eq!(house.m().catalogue.unmapped.len(), 1);
    let mapping = SkuMapping {
        outer_code: "CUP-A".into(),
        channel_sku: String::new(),
        sku: "cup".into(),
    };
    let done = house.done(Command::MapChannelSkus(MapChannelSkus {
        source_channel: SourceChannel::Douyin,
        shop_id: "s1".into(),
        mappings: vec![mapping],
    }));
    assert_eq!((done.count, house.m().catalogue.unmapped.len()), (1, 0));
    house.done(Command::PlaceOrder(Box::new(place)));
    assert_eq!(house.units("cup", Bucket::Held), 1);
    house.check_replay();
}

#[test]
fn an_order_is_found_by_the_channels_id_alone() {
    let mut house = House::stocked(&[("cup", 4)]);
    house
        .place("douyin:77:6923", &[("cup", 1)])
        .expect("placed");
    assert!(house.m().orders.find("6923").is_some());
    assert!(house.m().orders.find("77").is_none());
}

#[test]
fn an_unpaid_parcel_cannot_be_reviewed_by_hand() {
    let mut house = at(Node::AwaitingPayment);
    assert_eq!(
        code(house.scan("A/1", Node::UnderReview)),
        RefusalCode::NotPaid
    );
}

#[test]
fn unknown_things_are_named() {
    let mut house = at(Node::UnderReview);
    assert_eq!(
        code(house.place("B", &[("nothing", 1)])),
        RefusalCode::SkuUnknown
    );
    assert_eq!(code(house.confirm("Z")), RefusalCode::OrderNotFound);
    assert_eq!(
        code(house.scan("A/2", Node::Picking)),
        RefusalCode::ParcelNotFound
    );
    let _ = place("unused", &[]);
}
