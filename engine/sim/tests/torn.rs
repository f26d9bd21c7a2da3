//! Power cuts in every combination of a few calls and bytes, on the smallest journal.

use holdfast_sim::ask::{Ask, Request, Units};
use holdfast_sim::disk::{Fault, Make};
use holdfast_sim::shrink::run_steps;
use holdfast_sim::story::{Step, Store, World};

const WORLD: World = World {
    shops: 1,
    skus: 1,
    warehouses: 1,
    clients: 1,
    disk: Make {
        page: 512,
        spoils_neighbours: false,
        misdirects: false,
        lies: false,
    },
    segment_bytes: 1 << 20,
    reserve_bytes: 8,
    store: Store::Synced,
    archives: false,
};

fn receive(id: u32) -> Step {
    let units = Units {
        sku: 1,
        warehouse: 1,
        quantity: 1,
    };
    Step::Send(Request {
        id,
        shop: 1,
        client: 1,
        role: 1,
        device: 0,
        ask: Ask::Receive {
            units,
            to_qc: false,
        },
    })
}

/// A long write is cut short at a byte, and a shorter one loses its power too: the
/// end of the file may then lie anywhere, even between a frame and its padding.
#[test]
fn a_file_may_end_at_any_byte_of_a_frame() {
    for bytes in 200..720 {
        for seed in 0..16 {
            for calls in [1, 2] {
                let cut = |calls, seed| Step::Arm(Fault::PowerCut { calls, seed });
                // What a cut write leaves is the rest of its seed by 4,096.
                let steps = [
                    receive(1),
                    receive(2),
                    receive(3),
                    cut(0, 4_096 * seed + bytes),
                    Step::Commit,
                    receive(4),
                    cut(calls, seed),
                    Step::Commit,
                    receive(5),
                    Step::Commit,
                    Step::Inspect,
                ];
                if let Err(found) = run_steps(WORLD, &steps) {
                    panic!(
                        "{bytes} bytes, call {calls}, seed {seed}: {}",
                        found.wrong.0
                    );
                }
            }
        }
    }
}
