"""Clients in other languages against a live server, where their tools are installed."""

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from holdfast.pb import (
    admin_pb2,
    events_pb2,
    orders_pb2,
    parcels_pb2,
    stock_pb2,
    types_pb2,
)
from tests.conftest import Server

HERE = Path(__file__).parent


def run(server: Server, folder: str, *command: str) -> None:
    environment = os.environ | {
        "HOLDFAST_ADDRESS": server.address,
        "HOLDFAST_TOKEN": server.token,
    }
    finished = subprocess.run(
        command, cwd=HERE / folder, env=environment, capture_output=True, text=True, timeout=600
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize(
    "module", [admin_pb2, events_pb2, orders_pb2, parcels_pb2, stock_pb2, types_pb2]
)
def test_the_go_code_is_of_these_protos(module: ModuleType) -> None:
    """It holds the descriptor that it was made from; CONTRIBUTING says how to make it again."""
    name = module.DESCRIPTOR.name
    source = (HERE / "go" / "holdfastv1" / f"{Path(name).stem}.pb.go").read_text()
    descriptor = source.partition("_rawDesc = ")[2].partition("\n\n")[0]
    quoted = re.findall(r'"(?:[^"\\]|\\.)*"', descriptor)
    # Go's escapes of bytes are Python's; what stands in clear is UTF-8.
    made_of = b"".join(
        ast.literal_eval(f"b{part}") if part.isascii() else ast.literal_eval(part).encode()
        for part in quoted
    )
    go = FileDescriptorProto.FromString(made_of)
    # Only Go's generator is told the names that fields have in JSON.
    messages = list(go.message_type)
    for message in messages:
        messages += message.nested_type
        for field in message.field:
            field.ClearField("json_name")
    assert go == FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)


@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")
def test_go_programs_live_through_orders_alone_and_in_batches(server: Server) -> None:
    # The race detector needs a C compiler.
    race = () if shutil.which("gcc") is None else ("-race",)
    run(server, "go", "go", "vet", "./...")
    run(server, "go", "go", "test", *race, "-count=1", "./...")


@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("npm") is None, reason="Node is not installed")
def test_a_node_program_lives_through_an_order(server: Server) -> None:
    run(server, "node", "npm", "ci", "--silent")
    run(server, "node", "node", "--test")
