"""What can go wrong, typed. Text is for people; decide by class or `.reason`."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

_CODE_NAMES: Final = MappingProxyType(
    {
        1: "CANCELLED",
        2: "UNKNOWN",
        3: "INVALID_ARGUMENT",
        4: "DEADLINE_EXCEEDED",
        5: "NOT_FOUND",
        6: "ALREADY_EXISTS",
        7: "PERMISSION_DENIED",
        8: "RESOURCE_EXHAUSTED",
        9: "FAILED_PRECONDITION",
        10: "ABORTED",
        11: "OUT_OF_RANGE",
        12: "UNIMPLEMENTED",
        13: "INTERNAL",
        14: "UNAVAILABLE",
        16: "UNAUTHENTICATED",
    }
)


class HoldfastError(Exception):
    """Base of everything that Holdfast raises.

    Attributes:
        reason: Stable code in capitals.
        facts: What was true: numbers, names, deadlines.
        message: One sentence for people.
    """

    def __init__(
        self, message: str, *, reason: str = "", facts: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.facts: Mapping[str, str] = MappingProxyType(dict(facts or {}))

    def __reduce__(self) -> tuple[Callable[[str], "HoldfastError"], tuple[str]]:
        """Copies and pickles with its parts: worker pools carry errors between processes."""
        return partial(type(self), **self._parts()), (self.message,)

    def _parts(self) -> dict[str, Any]:
        return {"reason": self.reason, "facts": dict(self.facts)}


class Refused(HoldfastError):
    """The engine refused a call; nothing of it was done.

    Attributes:
        code: Name of the gRPC status that the same call would have.
    """

    def __init__(
        self, message: str, *, reason: str = "", facts: Mapping[str, str] | None = None, code: str
    ) -> None:
        super().__init__(message, reason=reason, facts=facts)
        self.code = code

    def _parts(self) -> dict[str, Any]:
        return {**super()._parts(), "code": self.code}

    def __str__(self) -> str:
        """Reason first, so that logs can be searched by it."""
        return f"{self.reason}: {self.message}"


class InvalidArgument(Refused):
    """The request is not well-formed; `facts["field"]` names where."""


class NotFound(Refused):
    """Something that was named does not exist for this merchant."""


class AlreadyExists(Refused):
    """The order exists or is held already."""


class FailedPrecondition(Refused):
    """Well-formed, and not possible in the present state."""


class StockInsufficient(FailedPrecondition):
    """Not enough free units; nothing was held."""


class HoldExpired(FailedPrecondition):
    """The hold's deadline has passed."""


class IllegalTransition(FailedPrecondition):
    """The parcel cannot go there; `facts["allowed"]` says where it can."""


class KeyReused(InvalidArgument):
    """The request_id was used for another request."""


class Aborted(Refused):
    """Something changed meanwhile; read it again, then decide."""


class VersionConflict(Aborted):
    """Somebody else changed the parcel first."""


class OutOfRange(Refused):
    """Events from there on cannot be delivered; read the state, then watch from its position."""


class PermissionDenied(Refused):
    """The role or device may not do this."""


class Unauthenticated(Refused):
    """No valid credential."""


class ResourceExhausted(Refused):
    """Too much at once; try again later."""


class Unavailable(Refused):
    """The outcome is unknown or the engine stops: repeat with the same request_id."""


class DeadlineExceeded(Refused):
    """Not durable in time: repeat with the same request_id to learn the outcome."""


class Internal(Refused):
    """A fault of the engine; report the incident number."""


class OpenError(HoldfastError):
    """The engine could not be opened, or is not usable any more."""


class JournalLockedError(OpenError):
    """Another process has the data folder; `facts["pid"]` names it."""


class JournalCorruptError(OpenError):
    """The journal is damaged before its end; nothing was changed."""


class EngineClosedError(OpenError):
    """The engine was closed."""


class ForkedEngineError(HoldfastError):
    """The engine, or the client, was opened by the parent of this forked process."""


class ClientClosedError(HoldfastError):
    """The client was closed; `facts["tries"]` is 0 if nothing was sent."""


_BY_REASON: Final[Mapping[str, type[Refused]]] = MappingProxyType(
    {
        "STOCK_INSUFFICIENT": StockInsufficient,
        "HOLD_EXPIRED": HoldExpired,
        "ILLEGAL_TRANSITION": IllegalTransition,
        "KEY_REUSED": KeyReused,
        "VERSION_CONFLICT": VersionConflict,
    }
)

_BY_CODE: Final[Mapping[str, type[Refused]]] = MappingProxyType(
    {
        "INVALID_ARGUMENT": InvalidArgument,
        "DEADLINE_EXCEEDED": DeadlineExceeded,
        "NOT_FOUND": NotFound,
        "ALREADY_EXISTS": AlreadyExists,
        "PERMISSION_DENIED": PermissionDenied,
        "RESOURCE_EXHAUSTED": ResourceExhausted,
        "FAILED_PRECONDITION": FailedPrecondition,
        "ABORTED": Aborted,
        "OUT_OF_RANGE": OutOfRange,
        "INTERNAL": Internal,
        "UNAVAILABLE": Unavailable,
        "UNAUTHENTICATED": Unauthenticated,
    }
)

_OPEN_BY_REASON: Final[Mapping[str, type[OpenError]]] = MappingProxyType(
    {
        "JOURNAL_LOCKED": JournalLockedError,
        "JOURNAL_CORRUPT": JournalCorruptError,
        "ENGINE_CLOSED": EngineClosedError,
    }
)


def refused(code: int, reason: str, message: str, facts: Mapping[str, str]) -> Refused:
    """Builds the exception of a refusal.

    Args:
        code: gRPC status code.
        reason: Stable reason, which picks the class before the code does.
        message: Text for people.
        facts: Facts of the refusal.
    """
    name = _CODE_NAMES.get(code, str(code))
    kind = _BY_REASON.get(reason) or _BY_CODE.get(name, Refused)
    return kind(message, reason=reason, facts=facts, code=name)


def not_opened(reason: str, message: str, facts: Mapping[str, str]) -> OpenError:
    """Builds the exception of an engine that cannot be used."""
    kind = _OPEN_BY_REASON.get(reason, OpenError)
    return kind(message, reason=reason, facts=facts)
