"""Keyword arguments to request bytes, and response bytes to frozen results.

One converter for every method, driven by the message descriptors and by the
annotations of `results.py`, so that a field is declared once. The protobuf
runtime is imported with this module, which the first engine does: importing
`holdfast` alone stays cheap.
"""

import dataclasses
import difflib
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any, TypeVar

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from holdfast.errors import InvalidArgument
from holdfast.pb import admin_pb2, events_pb2, orders_pb2, parcels_pb2, stock_pb2

# Importing them has put their messages into the default pool.
SERVICE_FILES = (admin_pb2, events_pb2, orders_pb2, parcels_pb2, stock_pb2)

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


@cache
def method(name: str) -> MethodDescriptor:
    """The descriptor of a method, as "OrderService/PlaceOrder"."""
    service, _, rpc = name.partition("/")
    found = descriptor_pool.Default().FindServiceByName(f"holdfast.v1.{service}")
    return found.methods_by_name[rpc]


@cache
def path(name: str) -> str:
    """The gRPC path of a method."""
    return f"/holdfast.v1.{name}"


def encode(name: str, arguments: Mapping[str, object]) -> bytes:
    """The request bytes of a method's keyword arguments; `None` is left out.

    Raises:
        InvalidArgument: A value has the wrong type or is out of range; the
            field is named.
    """
    return build(method(name).input_type, arguments, "").SerializeToString()


def build(descriptor: Descriptor, arguments: Mapping[str, object], prefix: str) -> Message:
    """Fills a message from a mapping."""
    message = message_factory.GetMessageClass(descriptor)()
    for key, value in arguments.items():
        if value is None:
            continue
        field = descriptor.fields_by_name.get(key.rstrip("_"))
        if field is None:
            raise _invalid(prefix + key, "a field", _nearest(key, descriptor.fields_by_name))
        _fill(message, field, value, prefix + field.name)
    return message


def _fill(message: Message, field: FieldDescriptor, value: Any, where: str) -> None:
    if _is_map(field):
        if not isinstance(value, Mapping):
            raise _invalid(where, value, "a mapping of text to text")
        target = getattr(message, field.name)
        for key, item in value.items():
            target[str(key)] = str(item)
    elif field.is_repeated:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise _invalid(where, value, "a list")
        items = [_scalar(field, item, f"{where}[{index}]") for index, item in enumerate(value)]
        getattr(message, field.name).extend(items)
    elif field.message_type is not None:
        getattr(message, field.name).CopyFrom(_scalar(field, value, where))
    else:
        setattr(message, field.name, _scalar(field, value, where))


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _scalar(field: FieldDescriptor, value: Any, where: str) -> Any:
    if field.message_type is not None:
        return _submessage(field.message_type, value, where)
    if field.enum_type is not None:
        return _enum_number(field.enum_type, value, where)
    if field.cpp_type in _INTEGERS:
        low, high = _INTEGERS[field.cpp_type]
        if isinstance(value, bool) or not isinstance(value, int):
            raise _invalid(where, value, "a whole number")
        if not low <= value <= high:
            raise _invalid(where, value, f"a whole number from {low} to {high}")
        return value
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        if not isinstance(value, bool):
            raise _invalid(where, value, "True or False")
        return value
    wanted: type = bytes if field.type == FieldDescriptor.TYPE_BYTES else str
    if not isinstance(value, wanted):
        raise _invalid(where, value, f"{wanted.__name__}")
    return value


def _submessage(descriptor: Descriptor, value: Any, where: str) -> Message:
    if descriptor.full_name == "google.protobuf.Timestamp":
        return _timestamp(value, where)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if not isinstance(value, Mapping):
        raise _invalid(where, value, f"a mapping with the fields of {descriptor.name}")
    return build(descriptor, value, f"{where}.")


def _timestamp(value: Any, where: str) -> Timestamp:
    if not isinstance(value, datetime):
        raise _invalid(where, value, "a datetime")
    if value.tzinfo is None:
        raise _invalid(where, value, "a datetime with a time zone, such as datetime.now(UTC)")
    since = value - _EPOCH
    seconds, rest = divmod(since, timedelta(seconds=1))
    return Timestamp(seconds=seconds, nanos=rest // timedelta(microseconds=1) * 1000)


def _enum_number(descriptor: EnumDescriptor, value: Any, where: str) -> int:
    names = _enum_names(descriptor)
    if isinstance(value, str):
        number = names.get(value.upper())
        if number is not None:
            return number
    raise _invalid(where, value, _nearest(str(value).upper(), names))


@cache
def _enum_names(descriptor: EnumDescriptor) -> dict[str, int]:
    """Numbers by name without the enum's prefix; UNSPECIFIED is not offered."""
    prefix = _prefix(descriptor)
    named = {value.name.removeprefix(prefix): value.number for value in descriptor.values}
    return {name: number for name, number in named.items() if number != 0}


def _prefix(descriptor: EnumDescriptor) -> str:
    return str(descriptor.values[0].name).removesuffix("UNSPECIFIED")


def _nearest(given: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(given, names, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"one of {', '.join(names)}{hint}"


def _invalid(field: str, value: object, expected: str) -> InvalidArgument:
    shown = repr(value) if len(repr(value)) <= 80 else f"{repr(value)[:77]}..."
    return InvalidArgument(
        f"{field} is {shown}; expected {expected}.",
        reason="FIELD_INVALID",
        facts={"field": field, "value": shown, "expected": expected},
        code="INVALID_ARGUMENT",
    )


def decode(name: str, payload: bytes, result: type[T]) -> T:
    """A response as a frozen result."""
    message = message_factory.GetMessageClass(method(name).output_type)()
    message.ParseFromString(payload)
    return read(message, result)


def read(message: Message, result: type[T]) -> T:
    """A message as a dataclass of `results.py`."""
    return typing.cast(T, _reader(typing.cast(Any, result))(message))


@cache
def _reader(result: type) -> Callable[[Message], object]:
    hints = typing.get_type_hints(result)
    readers = [
        _field_reader(field.name.rstrip("_"), hints[field.name])
        for field in dataclasses.fields(result)
    ]

    def build_result(message: Message) -> object:
        return result(*[reader(message) for reader in readers])

    return build_result


def _field_reader(field: str, hint: Any) -> Callable[[Message], object]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        convert = _converter(arguments[0])
        return lambda message: tuple(
            convert(item, message, field) for item in getattr(message, field)
        )
    if origin is Mapping or origin is dict:
        return lambda message: types.MappingProxyType(dict(getattr(message, field)))
    optional = type(None) in arguments
    inner = next((kind for kind in arguments if kind is not type(None)), hint)
    convert = _converter(inner)
    is_message = dataclasses.is_dataclass(inner) or inner is datetime
    is_enum = isinstance(inner, type) and issubclass(inner, StrEnum)

    def read_field(message: Message) -> object:
        if optional and is_message and not message.HasField(field):
            return None
        value = getattr(message, field)
        if optional and is_enum and value == 0:
            return None
        return convert(value, message, field)

    return read_field


def _converter(kind: Any) -> Callable[[Any, Message, str], object]:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return lambda value, _message, _field: _reader(kind)(value)
    if kind is datetime:
        return lambda value, _message, _field: _datetime(value)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _enum_reader(kind)
    return lambda value, _message, _field: value


def _enum_reader(kind: type[StrEnum]) -> Callable[[Any, Message, str], object]:
    # An answer has a dozen of them; only members are kept, so it cannot grow.
    known: dict[int, object] = {}

    def read_enum(number: int, message: Message, field: str) -> object:
        found = known.get(number)
        if found is None:
            found = _enum_member(kind, number, message, field)
            if isinstance(found, kind):
                known[number] = found
        return found

    return read_enum


def _datetime(value: Timestamp) -> datetime:
    return _EPOCH + timedelta(seconds=value.seconds, microseconds=value.nanos // 1000)


def _enum_member(kind: type[StrEnum], number: int, message: Message, field: str) -> object:
    descriptor: Any = message.DESCRIPTOR.fields_by_name[field].enum_type
    return _member(kind, descriptor, number)


@lru_cache(maxsize=1_024)
def _member(kind: type[StrEnum], descriptor: EnumDescriptor, number: int) -> object:
    """The member of a number; a number of a newer engine stays readable as text."""
    value = descriptor.values_by_number.get(number)
    if value is None:
        return str(number)
    name = value.name.removeprefix(_prefix(descriptor))
    return kind[name] if name in kind.__members__ else name
