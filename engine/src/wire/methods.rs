//! Every method with its rights and limits. What is not here cannot be called.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

use crate::domain::orders::lifecycle::Role;
use crate::domain::refusal::{Refusal, RefusalCode};

/// How messages flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Unary,
    ServerStream,
    BidiStream,
}

/// One method.
#[derive(Debug)]
pub struct MethodSpec {
    /// "/holdfast.v1.OrderService/PlaceOrder".
    pub path: &'static str,
    pub name: &'static str,
    pub kind: Kind,
    /// Part of every order and quickly decided: a native front answers it itself and
    /// passes the others on.
    pub hot: bool,
    /// True if it may change something; refused while draining.
    pub mutation: bool,
    /// ADMIN may call everything.
    pub roles: &'static [Role],
    pub max_bytes: usize,
}

use Role::{
    Carrier, Checker, CustomerService, Dispatcher, Driver, Integration, Labeler, Observer, Packer,
    Picker, Reviewer, Supervisor, WavePlanner,
};

/// Everybody but a customer, who never talks to the engine.
const ANY: &[Role] = &[
    Integration,
    Observer,
    Supervisor,
    CustomerService,
    Reviewer,
    WavePlanner,
    Picker,
    Checker,
    Labeler,
    Packer,
    Dispatcher,
    Driver,
    Carrier,
];
const CHANNEL: &[Role] = &[Integration];
const ORDERS: &[Role] = &[Integration, Supervisor, CustomerService];
const FLOOR: &[Role] = &[
    Integration,
    Supervisor,
    CustomerService,
    Reviewer,
    WavePlanner,
    Picker,
    Checker,
    Labeler,
    Packer,
    Dispatcher,
    Driver,
    Carrier,
];
const OFFICE: &[Role] = &[Integration, Supervisor, CustomerService, Reviewer];
const STOCK: &[Role] = &[Integration, Supervisor];
const READ: &[Role] = &[
    Integration,
    Observer,
    Supervisor,
    CustomerService,
    Reviewer,
    WavePlanner,
    Dispatcher,
];
const DOCUMENT: &[Role] = &[Integration, CustomerService, Dispatcher];
const NOBODY_ELSE: &[Role] = &[];

/// Largest message of one command, besides an order's document.
const ONE: usize = 512 << 10;
/// Largest batch.
const BATCH: usize = 4 << 20;
const READING: usize = 64 << 10;

macro_rules! methods {
    ($($service:ident $name:ident $kind:ident $heat:ident $what:ident $roles:ident $max:ident;)+) => {
        &[$(MethodSpec {
            path: concat!("/holdfast.v1.", stringify!($service), "/", stringify!($name)),
            name: stringify!($name),
            kind: Kind::$kind,
            hot: methods!(@ $heat),
            mutation: methods!(@ $what),
            roles: $roles,
            max_bytes: $max,
        },)+]
    };
    (@ hot) => { true };
    (@ cold) => { false };
    (@ change) => { true };
    (@ read) => { false };
}

/// The contract's methods, in the order of the proto files.
#[rustfmt::skip]
pub const METHODS: &[MethodSpec] = methods! {
    StockService ReceiveStock Unary cold change STOCK ONE;
    StockService MoveStock Unary cold change STOCK ONE;
    StockService CountStock Unary cold change STOCK ONE;
    StockService ConfigurePool Unary cold change STOCK ONE;
    StockService ConfigureWarehouse Unary cold change STOCK ONE;
    StockService ConfigureSku Unary cold change STOCK ONE;
    StockService MapChannelSkus Unary cold change STOCK ONE;
    StockService GetStock Unary hot read READ READING;
    StockService ListStock Unary cold read READ READING;
    ParcelService AdvanceParcel Unary hot change FLOOR ONE;
    ParcelService OverrideParcel Unary cold change SUPERVISORS ONE;
    ParcelService RerouteParcel Unary cold change OFFICE ONE;
    ParcelService SplitParcel Unary cold change OFFICE ONE;
    ParcelService SuspendParcel Unary cold change OFFICE ONE;
    ParcelService ResumeParcel Unary cold change OFFICE ONE;
    ParcelService PutBackParcel Unary cold change FLOOR ONE;
    ParcelService GetParcel Unary hot read ANY READING;
    ParcelService ListWork Unary cold read ANY READING;
    ParcelService GetLifecycle Unary cold read ANY READING;
    OrderService PlaceOrder Unary hot change CHANNEL ONE;
    OrderService StartPayment Unary hot change CHANNEL ONE;
    OrderService FailPayment Unary hot change CHANNEL ONE;
    OrderService ConfirmPayment Unary hot change CHANNEL ONE;
    OrderService ConfirmDeposit Unary hot change CHANNEL ONE;
    OrderService ReleaseHold Unary hot change ORDERS ONE;
    OrderService AmendOrder Unary hot change CHANNEL ONE;
    OrderService CancelOrder Unary hot change ORDERS ONE;
    OrderService BatchSubmit Unary hot change CHANNEL BATCH;
    OrderService StreamSubmit BidiStream hot change CHANNEL ONE;
    OrderService GetOrder Unary hot read READ READING;
    OrderService GetOrderStatus Unary hot read READ READING;
    OrderService GetOrderDocument Unary cold read DOCUMENT READING;
    OrderService ListOrders Unary cold read READ READING;
    OrderService ListHolds Unary cold read READ READING;
    EventService WatchEvents ServerStream cold read READ READING;
    AdminService PublishPolicy Unary cold change NOBODY_ELSE ONE;
    AdminService GetPolicy Unary cold read READ READING;
    AdminService IssueToken Unary cold change NOBODY_ELSE ONE;
    AdminService RevokeToken Unary cold change NOBODY_ELSE ONE;
    AdminService RegisterDevice Unary cold change STOCK ONE;
    AdminService GetEngineStatus Unary cold read ANY READING;
    AdminService Audit Unary cold read NOBODY_ELSE READING;
    AdminService GetStateHash Unary cold read NOBODY_ELSE READING;
    AdminService ReconcileClock Unary cold change NOBODY_ELSE ONE;
};

const SUPERVISORS: &[Role] = &[Supervisor];

/// The method of a path.
#[must_use]
pub fn find(path: &str) -> Option<&'static MethodSpec> {
    static BY_PATH: LazyLock<HashMap<&str, &MethodSpec, FixedState>> =
        LazyLock::new(|| METHODS.iter().map(|method| (method.path, method)).collect());
    BY_PATH.get(path).copied()
}

/// Lets a role through, or says who may.
///
/// # Errors
/// `PERMISSION_DENIED` with the roles that may.
pub fn authorize(method: &MethodSpec, role: Role) -> Result<(), Refusal> {
    if role == Role::Admin || method.roles.contains(&role) {
        return Ok(());
    }
    let allowed: Vec<&str> = [Role::Admin]
        .iter()
        .chain(method.roles)
        .map(|role| role.id())
        .collect();
    Err(Refusal::new(RefusalCode::PermissionDenied)
        .fact("role", role)
        .fact("method", method.name)
        .fact("allowed", allowed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A method that is added to a proto and not here fails the build.
    #[test]
    fn the_table_has_exactly_the_methods_of_the_protos() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../protos/holdfast/v1");
        let mut declared = Vec::new();
        for file in ["stock", "parcels", "orders", "events", "admin"] {
            let text = std::fs::read_to_string(format!("{folder}/{file}.proto"))
                .expect("the protos are beside the engine");
            let mut service = "";
            for line in text.lines().map(str::trim) {
                if let Some(rest) = line.strip_prefix("service ") {
                    service = rest.split([' ', '{']).next().expect("a name");
                }
                if let Some(rest) = line.strip_prefix("rpc ") {
                    let name = rest.split('(').next().expect("a name");
                    declared.push(format!("/holdfast.v1.{service}/{name}"));
                }
            }
        }
        let mut listed: Vec<String> = METHODS
            .iter()
            .map(|method| method.path.to_owned())
            .collect();
        declared.sort();
        listed.sort();
        assert_eq!(declared, listed);
    }

    #[test]
    fn default_is_deny() {
        for method in METHODS {
            assert!(authorize(method, Role::Admin).is_ok());
            assert!(
                authorize(method, Role::Customer).is_err(),
                "{}",
                method.path
            );
            assert!(authorize(method, Role::Engine).is_err(), "{}", method.path);
            assert!(
                !method.mutation || authorize(method, Role::Observer).is_err(),
                "{}",
                method.path
            );
        }
    }
}
