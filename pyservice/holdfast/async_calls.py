"""Every method of the engine, typed and awaited. Made from `calls.py` by ./dev protos.

Arguments are the request's fields; `None` leaves a field out. Every mutation
takes a `request_id` (1 to 128 printable ASCII characters, a new one for each new
attempt); repeating one gives the first answer with `receipt.replayed`. Every
method raises a subclass of `holdfast.Refused` when the engine refuses.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias, TypeVar

from holdfast import results

T = TypeVar("T")

Fields: TypeAlias = Mapping[str, object]
"""A nested message, as a mapping of its fields."""


class AsyncCalls(ABC):
    """The methods, over some way to call."""

    @abstractmethod
    async def _call(self, name: str, result: type[T], fields: Fields) -> T:
        """Calls a method and reads its response."""

    # Stock

    async def receive_stock(
        self,
        *,
        request_id: str,
        sku: str,
        warehouse: str,
        quantity: int,
        batch: str | None = None,
        expires_at: datetime | None = None,
        qc_report: str | None = None,
        to: str | None = None,
        reason: str | None = None,
    ) -> results.StockReceived:
        """Take goods in; creates SKU and warehouse on first sight."""
        return await self._call(
            "StockService/ReceiveStock", results.StockReceived, _fields(locals())
        )

    async def move_stock(
        self,
        *,
        request_id: str,
        sku: str,
        warehouse: str,
        from_: str,
        to: str,
        quantity: int,
        batch: str | None = None,
        reason: str | None = None,
    ) -> results.StockResult:
        """Move units between two buckets: freeze, safety stock, quality decision."""
        return await self._call("StockService/MoveStock", results.StockResult, _fields(locals()))

    async def count_stock(
        self,
        *,
        request_id: str,
        sku: str,
        warehouse: str,
        counted: int,
        reason: str,
        approver: str,
        batch: str | None = None,
    ) -> results.StockCounted:
        """Record a count of what is on the shelf: available, held and allocated."""
        return await self._call("StockService/CountStock", results.StockCounted, _fields(locals()))

    async def configure_pool(
        self,
        *,
        request_id: str,
        sku: str,
        warehouse: str,
        backorder_limit: int | None = None,
        channel_buffers: Iterable[Fields] | None = None,
    ) -> results.StockResult:
        """Set oversell policy and channel buffers of a SKU in a warehouse."""
        return await self._call(
            "StockService/ConfigurePool", results.StockResult, _fields(locals())
        )

    async def configure_warehouse(
        self,
        *,
        request_id: str,
        warehouse: str,
        rank: int | None = None,
        province: str | None = None,
        serves_provinces: Iterable[str] | None = None,
        working_hours: Iterable[Fields] | None = None,
        closed_days: Iterable[str] | None = None,
    ) -> results.Done:
        """Set a warehouse's sourcing rank, provinces and working hours."""
        return await self._call("StockService/ConfigureWarehouse", results.Done, _fields(locals()))

    async def configure_sku(
        self,
        *,
        request_id: str,
        sku: str,
        pin_batch_at_hold: bool | None = None,
        bundle: Iterable[Fields] | None = None,
    ) -> results.Done:
        """Declare a cold-chain SKU, or a bundle with its components."""
        return await self._call("StockService/ConfigureSku", results.Done, _fields(locals()))

    async def map_channel_skus(
        self,
        *,
        request_id: str,
        source_channel: str,
        mappings: Iterable[Fields],
        shop_id: str | None = None,
    ) -> results.SkusMapped:
        """Map channel SKUs of a shop to SKUs."""
        return await self._call(
            "StockService/MapChannelSkus", results.SkusMapped, _fields(locals())
        )

    async def get_stock(
        self, sku: str, *, warehouse: str | None = None, source_channel: str | None = None
    ) -> results.Stock:
        """All buckets of a SKU, exact at this instant."""
        return await self._call("StockService/GetStock", results.Stock, _fields(locals()))

    async def list_stock(
        self, *, page_size: int | None = None, page_token: str | None = None
    ) -> results.StockList:
        """Pools in the order of their opening."""
        return await self._call("StockService/ListStock", results.StockList, _fields(locals()))

    # Orders

    async def place_order(
        self,
        *,
        request_id: str,
        order_number: str,
        lines: Iterable[Fields],
        source_channel: str | None = None,
        urgency: str | None = None,
        channel_order_id: str | None = None,
        shop_id: str | None = None,
        buyer_token: str | None = None,
        province: str | None = None,
        paid: bool | None = None,
        on_live_hold: str | None = None,
        ship_by: datetime | None = None,
        suspend_reason: str | None = None,
        document: bytes | None = None,
    ) -> results.OrderResult:
        """Hold stock for all lines or for none.

        A line has `sku` (or `channel_sku` and `outer_code` to be mapped),
        `quantity`, and optionally `warehouse` and `batch`. `source_channel` and
        `urgency` have no default: the engine refuses an order without them.
        """
        return await self._call("OrderService/PlaceOrder", results.OrderResult, _fields(locals()))

    async def start_payment(
        self, *, request_id: str, order_number: str, payment_ref: str | None = None
    ) -> results.OrderResult:
        """Say that the buyer is paying: the hold lives up to 45 minutes in all."""
        return await self._call("OrderService/StartPayment", results.OrderResult, _fields(locals()))

    async def fail_payment(
        self,
        *,
        request_id: str,
        order_number: str,
        payment_ref: str | None = None,
        reason: str | None = None,
    ) -> results.OrderResult:
        """Say that a payment attempt ended without money."""
        return await self._call("OrderService/FailPayment", results.OrderResult, _fields(locals()))

    async def confirm_payment(
        self,
        *,
        request_id: str,
        order_number: str,
        payment_ref: str | None = None,
        paid_at: datetime | None = None,
        units: Iterable[Fields] | None = None,
        keep_rest: bool | None = None,
        amount_minor: int | None = None,
    ) -> results.PaymentConfirmed:
        """Say that the money is there; `result` tells what it found."""
        return await self._call(
            "OrderService/ConfirmPayment", results.PaymentConfirmed, _fields(locals())
        )

    async def confirm_deposit(
        self,
        *,
        request_id: str,
        order_number: str,
        balance_due_at: datetime,
        payment_ref: str | None = None,
    ) -> results.OrderResult:
        """Say that a presale's deposit is paid: the hold lives until the balance is due."""
        return await self._call(
            "OrderService/ConfirmDeposit", results.OrderResult, _fields(locals())
        )

    async def release_hold(
        self, *, request_id: str, order_number: str, reason: str | None = None
    ) -> results.OrderResult:
        """Give the units of a live hold back."""
        return await self._call("OrderService/ReleaseHold", results.OrderResult, _fields(locals()))

    async def amend_order(
        self, *, request_id: str, order_number: str, units: Iterable[Fields]
    ) -> results.OrderResult:
        """Change quantities of a live hold; its deadline stays."""
        return await self._call("OrderService/AmendOrder", results.OrderResult, _fields(locals()))

    async def cancel_order(
        self,
        *,
        request_id: str,
        order_number: str,
        parcel_ids: Iterable[str] | None = None,
        units: Iterable[Fields] | None = None,
        reason: str | None = None,
    ) -> results.OrderCancelled:
        """Cancel an order, some of its parcels or lines; answered per parcel.

        `units` are `{sku, quantity}` each, and everything if not given. Where others
        stay they are split off into a parcel of their own.
        """
        return await self._call(
            "OrderService/CancelOrder", results.OrderCancelled, _fields(locals())
        )

    async def get_order(self, order_number: str) -> results.Order:
        """An order by its number, or by the channel's order id alone."""
        return await self._call("OrderService/GetOrder", results.Order, _fields(locals()))

    async def get_order_status(self, order_number: str) -> results.OrderStatusAnswer:
        """Where it is, since when, who is next: the customer-service answer."""
        return await self._call(
            "OrderService/GetOrderStatus", results.OrderStatusAnswer, _fields(locals())
        )

    async def get_order_document(self, order_number: str, *, purpose: str) -> results.OrderDocument:
        """The sealed document of an order, opened; the purpose is kept."""
        return await self._call(
            "OrderService/GetOrderDocument", results.OrderDocument, _fields(locals())
        )

    async def list_orders(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        node: str | None = None,
        status: str | None = None,
    ) -> results.OrderList:
        """Orders in the order of placing."""
        return await self._call("OrderService/ListOrders", results.OrderList, _fields(locals()))

    async def list_holds(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        sku: str | None = None,
    ) -> results.HoldList:
        """Live holds, first to end first."""
        return await self._call("OrderService/ListHolds", results.HoldList, _fields(locals()))

    # Parcels

    async def advance_parcel(
        self,
        *,
        request_id: str,
        parcel_id: str,
        node: str,
        expected_version: int | None = None,
        occurred_at: datetime | None = None,
        scan_id: str | None = None,
        reason: str | None = None,
        evidence: Mapping[str, str] | None = None,
        actor: str | None = None,
        role: str | None = None,
        device: str | None = None,
        warehouse: str | None = None,
    ) -> results.ParcelAdvanced:
        """Record that a parcel entered a node, by whom and with which device."""
        return await self._call(
            "ParcelService/AdvanceParcel", results.ParcelAdvanced, _fields(locals())
        )

    async def override_parcel(
        self,
        *,
        request_id: str,
        parcel_id: str,
        node: str,
        reason: str,
        expected_version: int | None = None,
        occurred_at: datetime | None = None,
        evidence: Mapping[str, str] | None = None,
    ) -> results.ParcelResult:
        """Move a parcel with a supervisor's right; the reason is kept."""
        return await self._call(
            "ParcelService/OverrideParcel", results.ParcelResult, _fields(locals())
        )

    async def reroute_parcel(
        self, *, request_id: str, parcel_id: str, warehouse: str, reason: str | None = None
    ) -> results.ParcelResult:
        """Move a parcel's promise to another warehouse in one step, nodes 1 to 4."""
        return await self._call(
            "ParcelService/RerouteParcel", results.ParcelResult, _fields(locals())
        )

    async def split_parcel(
        self,
        *,
        request_id: str,
        parcel_id: str,
        units: Iterable[Fields],
        reason: str | None = None,
    ) -> results.ParcelSplit:
        """Split units off into a new parcel, until node 8."""
        return await self._call("ParcelService/SplitParcel", results.ParcelSplit, _fields(locals()))

    async def suspend_parcel(
        self,
        *,
        request_id: str,
        parcel_id: str,
        reason: str,
        owner: str | None = None,
        review_minutes: int | None = None,
    ) -> results.ParcelResult:
        """Stop a parcel until a person decides."""
        return await self._call(
            "ParcelService/SuspendParcel", results.ParcelResult, _fields(locals())
        )

    async def resume_parcel(
        self, *, request_id: str, parcel_id: str, reason: str
    ) -> results.ParcelResult:
        """End a suspension or an intercept."""
        return await self._call(
            "ParcelService/ResumeParcel", results.ParcelResult, _fields(locals())
        )

    async def put_back_parcel(
        self,
        *,
        request_id: str,
        parcel_id: str,
        scan_id: str | None = None,
        actor: str | None = None,
        role: str | None = None,
        device: str | None = None,
    ) -> results.ParcelResult:
        """Scan a cancelled parcel's goods back onto the shelf."""
        return await self._call(
            "ParcelService/PutBackParcel", results.ParcelResult, _fields(locals())
        )

    async def get_parcel(self, parcel_id: str) -> results.ParcelDetail:
        """A parcel with its goods and its history."""
        return await self._call("ParcelService/GetParcel", results.ParcelDetail, _fields(locals()))

    async def list_work(
        self,
        *,
        role: str | None = None,
        warehouse: str | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
    ) -> results.WorkList:
        """What a role must do now, most urgent first."""
        return await self._call("ParcelService/ListWork", results.WorkList, _fields(locals()))

    async def get_lifecycle(self) -> results.Lifecycle:
        """The nodes, their texts and edges."""
        return await self._call("ParcelService/GetLifecycle", results.Lifecycle, {})

    # Administration

    async def publish_policy(self, *, request_id: str, policy_json: str) -> results.PolicyPublished:
        """Publish a policy as JSON; the next decision uses it."""
        return await self._call(
            "AdminService/PublishPolicy", results.PolicyPublished, _fields(locals())
        )

    async def get_policy(self, *, policy_version: int | None = None) -> results.PolicyVersion:
        """A policy with all defaults filled in; the current one if none is named."""
        return await self._call("AdminService/GetPolicy", results.PolicyVersion, _fields(locals()))

    async def issue_token(
        self,
        *,
        request_id: str,
        token_sha256: bytes,
        actor: str,
        role: str,
        device: str | None = None,
        expires_at: datetime | None = None,
        merchant: str | None = None,
    ) -> results.Done:
        """Register a credential by the SHA-256 of its secret."""
        return await self._call("AdminService/IssueToken", results.Done, _fields(locals()))

    async def revoke_token(
        self, *, request_id: str, token_sha256: bytes | None = None, actor: str | None = None
    ) -> results.TokensRevoked:
        """Revoke one token, or all of an actor."""
        return await self._call(
            "AdminService/RevokeToken", results.TokensRevoked, _fields(locals())
        )

    async def register_device(
        self,
        *,
        request_id: str,
        device: str,
        warehouse: str | None = None,
        kind: str | None = None,
        retired: bool | None = None,
    ) -> results.Done:
        """Bind a device to a warehouse, or retire it."""
        return await self._call("AdminService/RegisterDevice", results.Done, _fields(locals()))

    async def get_engine_status(self) -> results.EngineStatus:
        """How the engine is."""
        return await self._call("AdminService/GetEngineStatus", results.EngineStatus, {})

    async def audit(self) -> results.Audit:
        """Recompute every identity of stock, holds and orders."""
        return await self._call("AdminService/Audit", results.Audit, {})

    async def get_state_hash(self) -> results.StateHash:
        """The canonical hash of the state."""
        return await self._call("AdminService/GetStateHash", results.StateHash, {})

    async def reconcile_clock(self, *, request_id: str, reason: str) -> results.ClockReconciled:
        """Accept the wall clock, so that deadlines run again."""
        return await self._call(
            "AdminService/ReconcileClock", results.ClockReconciled, _fields(locals())
        )


def _fields(arguments: dict[str, object]) -> Fields:
    """A method's arguments without `self`."""
    return {name: value for name, value in arguments.items() if name != "self"}
