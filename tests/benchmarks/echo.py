"""A gRPC service of the same framework that does nothing: the floor to compare with."""

import asyncio
import sys
from typing import Any

import grpc
import grpc.aio


async def _echo(request: bytes, _context: object) -> bytes:
    return request


async def main() -> None:
    """Serves until the parent goes away; prints its port."""
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    handler: Any = grpc.unary_unary_rpc_method_handler(_echo)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("echo.Echo", {"Echo": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
