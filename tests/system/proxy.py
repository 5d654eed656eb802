"""A TCP proxy on loopback between one agent and the broker, and what a bad network does.

Bytes are held, never dropped from a connection that lives on: TCP does not do that. What was silent is
reset when the fault is taken back, as by a router that forgot the connection.
"""
import asyncio
import socket
import threading
import time

PIECE_BYTES = 65536
RECORDED_BYTES_MAX = 1024 * 1024
UP, DOWN = "up", "down"  # from the agent to the broker, and back


class Weather:
    """How bytes pass. The default is a good day."""

    def __init__(self, delay_seconds=0.0, trickle_bytes=None, cut_after_bytes=None, held=()):
        self.delay_seconds = delay_seconds      # before each piece
        self.trickle_bytes = trickle_bytes      # at most so many at once, a millisecond apart
        self.cut_after_bytes = cut_after_bytes  # then the connection is reset, wherever in a frame that is
        self.held = held                        # directions in which nothing passes


class Proxy:
    """Listens on a port of its own; a thread of its own serves it until close()."""

    def __init__(self, broker_port):
        self.broker_port = broker_port
        self.weather = Weather()
        self.accepted = 0
        self.recorded = b""     # what the newest connection's agent sent, from its first byte on
        self._live = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def change(self, weather):
        """From the next piece on, also on connections that stand."""
        self.weather = weather

    def reset_all(self):
        """Resets every connection that stands."""
        done = threading.Event()

        def reset():
            for writers in list(self._live):
                abort(writers)
            done.set()
        self._loop.call_soon_threadsafe(reset)
        done.wait(10)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._serve, sock=self._listener))
        self._loop.run_forever()
        for writers in self._live:
            abort(writers)
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))

    async def _serve(self, agent_reader, agent_writer):
        self.accepted += 1
        try:
            broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self.broker_port)
        except OSError:
            agent_writer.transport.abort()
            return
        writers = (agent_writer, broker_writer)
        self._live.add(writers)
        self.recorded = b""
        ends = [asyncio.ensure_future(self._pump(agent_reader, broker_writer, UP)),
                asyncio.ensure_future(self._pump(broker_reader, agent_writer, DOWN))]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # close(): asyncio would print what it makes of that
        finally:
            for end in ends:
                end.cancel()
            self._live.discard(writers)
            abort(writers)

    async def _pump(self, reader, writer, direction):
        try:
            while piece := await reader.read(PIECE_BYTES):
                if direction == UP and len(self.recorded) < RECORDED_BYTES_MAX:
                    self.recorded += piece
                await self._pass(piece, writer, direction)
        except OSError:
            pass  # one side is gone: so is the connection

    async def _pass(self, piece, writer, direction):
        while direction in self.weather.held:
            await asyncio.sleep(0.01)
        weather = self.weather
        if weather.delay_seconds:
            await asyncio.sleep(weather.delay_seconds)
        if weather.cut_after_bytes is not None:
            whole, weather.cut_after_bytes = piece, weather.cut_after_bytes - len(piece)
            if weather.cut_after_bytes < 0:
                writer.write(whole[:weather.cut_after_bytes])
                await writer.drain()
                raise ConnectionError("cut")
        step = weather.trickle_bytes or len(piece)
        for at in range(0, len(piece), step):
            writer.write(piece[at:at + step])
            await writer.drain()
            if weather.trickle_bytes and self.weather is weather:
                await asyncio.sleep(0.001)


def abort(writers):
    for writer in writers:
        writer.transport.abort()


def replay(port, recorded, patience=20):
    """Sends what an agent once sent over a fresh connection, and hears it out. Returns the answer's
    size; AssertionError: the broker keeps the connection."""
    with socket.create_connection(("127.0.0.1", port)) as fresh:
        fresh.settimeout(1)
        end = time.monotonic() + patience
        answer = 0
        try:
            fresh.sendall(recorded)
        except OSError:
            return answer  # refused before it was through
        while time.monotonic() < end:
            try:
                piece = fresh.recv(PIECE_BYTES)
            except TimeoutError:
                continue
            except OSError:
                return answer
            if not piece:
                return answer
            answer += len(piece)
    raise AssertionError(f"a replayed connection still stands after {patience} s; {answer} bytes came back")
