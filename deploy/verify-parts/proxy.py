"""Plays the cluster's Services: a port each, from where connections go to a pod that is ready. Usage: proxy.py DIRECTORY NAME=PORT ..."""
import asyncio
import itertools
import os
import sys

directory = sys.argv[1]
turn = itertools.count()


def endpoints(name):
    """Addresses that run.py keeps in a file of the service's name; read anew for each connection."""
    try:
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            return file.read().split()
    except FileNotFoundError:
        return []


async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def serve(name):
    async def connected(reader, writer):
        ready = endpoints(name)
        if not ready:
            writer.close()
            return
        host, port = ready[next(turn) % len(ready)].rsplit(":", 1)
        try:
            to_reader, to_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, to_writer), pump(to_reader, writer))
    return connected


async def main():
    servers = []
    for entry in sys.argv[2:]:
        name, port = entry.split("=")
        servers.append(await asyncio.start_server(serve(name), "127.0.0.1", int(port)))
    await asyncio.gather(*(server.serve_forever() for server in servers))

asyncio.run(main())
