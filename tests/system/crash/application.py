"""The application of one agency: sends through the agent's API, hears its events, writes its history.

It knows of the product only what schemas/api/openapi.yaml says. Faults around it are no surprise: an
agent that is away is a failed send; one that gives no answer is asked again under the same key, and
what stays without one is unknown; events go on after the last one seen.
"""
import collections
import http.client
import json
import random
import socket
import string
import threading
import time

from history import History, digest_of

LANES = ("flash", "urgent", "routine", "bulk")
# Seven days, the product's own; an expiry within a run would be a finding. Less what clocks may differ.
LIVES_MILLISECONDS = (7 * 24 * 60 - 10) * 60 * 1000
OUTCOMES = ("delivered", "refused", "undeliverable", "expired")
# The product says these when it does not know itself what became of a request.
UNKNOWN_CODES = ("io_failed", "corrupt")
PAGE = 500
ASK_AGAIN_SECONDS = 3


class NotThere(Exception):
    """The agent took no connection: what was asked was not even begun."""


class Connection(http.client.HTTPConnection):
    """HTTP to an agent's Unix socket."""

    def __init__(self, path, patience):
        super().__init__("agent", timeout=patience)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self.path)
        except OSError as error:
            self.sock.close()
            raise NotThere(str(error)) from None


def call(path, verb, target, body=None, patience=60, headers=None):
    """One request on a connection of its own: (status, decoded JSON). OSError, HTTPException: no answer."""
    connection = Connection(path, patience)
    try:
        connection.request(verb, target, body=None if body is None else json.dumps(body), headers=headers or {})
        answer = connection.getresponse()
        # Broken off behind its first line it looks like an empty answer.
        return answer.status, json.loads(answer.read())
    except ValueError as error:
        raise http.client.HTTPException(f"half an answer: {error}") from None
    finally:
        connection.close()


class Application:
    def __init__(self, agency, others, socket_path, history_path, name=None):
        """`name`: what its values begin with, where it is not the only application of its agency."""
        self.agency, self.others, self.socket = agency, others, socket_path
        self.name = name or agency
        self.history = History(agency, history_path)
        self.cursor = 0
        self.sent = 0
        self.values = {}      # message id -> value, of what was sent from here
        self.under_way = {}   # value -> recipients nothing is known of yet
        self.received = {}    # message id -> value, from, lane, digest
        self._earlier = set()  # message ids of a history that is over
        self.refusals = collections.Counter()  # of its sends, by code
        self.repeated = collections.Counter()  # sends that needed more than one request, by how they ended
        self.key_of = lambda value: value      # a value is its send's own key
        self._following = False
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._ending = False
        self._reader = threading.Thread(target=self._listen, name=f"events of {agency}", daemon=True)
        self.fault = None     # what went wrong in this harness, not in the product

    def begin_anew(self):
        """A new history, on which what came before has no bearing. All is quiet."""
        self.history.close()
        self.history = History(self.agency, self.history.path)
        self.under_way = {}
        self._earlier = set(self.received)

    # ---- sending ----

    def send(self, to, lane, size=0):
        """One message, and how it ended. One at a time: what two send at once has no order."""
        with self._sending:
            return self._send(to, lane, size)

    def _send(self, to, lane, size):
        value = self._begin(to)
        letters = random.Random(value)
        text = f"text of {value} " + "".join(letters.choices(string.ascii_letters, k=size))
        self.history.add("invoke", value=value, to=list(to), lane=lane, digest=digest_of(text),
                         lives=LIVES_MILLISECONDS)
        request = {"to": list(to), "lane": lane, "content": {
            "kind": "notice", "header": {"status": "actual", "subject": {"en": value}, "author": {"officer": "root"},
                                         "handling": "H0", "language": "en"},
            "notice": {"type": "information", "what": text}}}
        how = self._post(value, request)
        if how != "ok":
            with self._lock:
                self.under_way.pop(value, None)
        self.history.add(how, value=value)
        return how

    def _begin(self, to):
        """A new value. It is under way before it is sent: its outcome may be heard before its answer."""
        with self._lock:
            self.sent += 1
            value = f"{self.name}-{self.sent}"
            self.under_way[value] = set(to)
        return value

    def _post(self, value, request):
        how = self._post_once(value, request)
        if how != "unknown":
            return "fail" if how == "not there" else how
        end = time.monotonic() + ASK_AGAIN_SECONDS
        while how == "unknown" and time.monotonic() < end and not self._ending:
            time.sleep(0.02)
            again = self._post_once(value, request)
            # An agent that is not there says nothing of what it did before.
            how = "unknown" if again == "not there" else again
        self.repeated[how] += 1
        # Refused now, it may have been stored before all the same.
        return "unknown" if how == "fail" else how

    def _post_once(self, value, request):
        try:
            status, answer = call(self.socket, "POST", "/v1/messages", request,
                                  headers={"Idempotency-Key": self.key_of(value)})
        except NotThere:
            return "not there"
        except (OSError, http.client.HTTPException):
            return "unknown"
        if status in (200, 201):
            self.values[answer["id"]] = value
            return "ok"
        self.refusals[answer["code"]] += 1
        if answer["code"] == "malformed":
            self.fault = f"{self.agency} calls {value} malformed: {answer['detail']}"
        return "unknown" if answer["code"] in UNKNOWN_CODES else "fail"

    # ---- hearing ----

    def listen(self):
        self._reader.start()

    def close(self):
        """After its agent has ended: that ends the stream of events too."""
        self._ending = True
        if self._reader.ident is not None:
            self._reader.join(60)
        self.history.close()

    def _listen(self):
        try:
            while not self._ending:
                try:
                    self._follow()
                except (NotThere, OSError, http.client.HTTPException):
                    time.sleep(0.02)  # the agent is away: asked again
        except Exception as error:  # a thread's error is nobody's otherwise
            self.fault = f"the reader of {self.agency} failed: {error!r}"

    def _follow(self):
        stream = Connection(self.socket, 20)
        try:
            stream.request("GET", "/v1/events", headers={"Last-Event-ID": str(self.cursor)})
            answer = stream.getresponse()
            if answer.status != 200:
                raise http.client.HTTPException(f"events answered {answer.status}")
            self._following = True
            while not self._ending:
                line = answer.readline()
                if not line.endswith(b"\n"):
                    raise ConnectionError("the stream of events ended")
                if line.startswith(b"data: "):
                    event = json.loads(line.removeprefix(b"data: "))
                    self._see(event)
                    self.cursor = event["number"]
        finally:
            self._following = False
            stream.close()

    def wait_away(self):
        """Its agent has ended: until everything that one still said is heard."""
        end = time.monotonic() + 30
        while self._following:
            if time.monotonic() > end:
                raise AssertionError(f"the events of {self.agency} go on although its agent has ended")
            time.sleep(0.01)

    def _see(self, event):
        kind = event["type"]
        if kind == "arrived" and event.get("kind") == "notice":
            self._receive(event["message"])
        elif kind in OUTCOMES and "message" in event:
            self._told(event["message"], event["agency"], kind)
        elif kind == "warning":
            self.history.add("named", words=event.get("text", ""))

    def _receive(self, identifier):
        status, message = call(self.socket, "GET", f"/v1/messages/{identifier}")
        if status != 200:
            if message["code"] == "io_failed":
                raise ConnectionError("could not be read now")
            self.history.add("named", words=f"what arrived cannot be read: {message['detail']}")
            return
        seen = self.received[identifier] = told_by(message)
        self.history.add("receive", late=message["summary"].get("late", False), **seen)

    def _told(self, identifier, recipient, outcome):
        value = self.values.get(identifier)
        if value is None:  # a send that ended unknown, and happened after all
            status, message = call(self.socket, "GET", f"/v1/messages/{identifier}")
            if status != 200 or "notice" not in message["content"]:
                return
            value = self.values[identifier] = message["summary"]["subject"]
        self.history.add("outcome", value=value, recipient=recipient, outcome=outcome)
        with self._lock:
            left = self.under_way.get(value)
            if left is not None:
                left.discard(recipient)
                if not left:
                    del self.under_way[value]

    # ---- what is left to wait for ----

    def waits_for(self):
        with self._lock:
            return {value: sorted(recipients) for value, recipients in self.under_way.items()}

    def status(self):
        """None: the agent does not answer."""
        try:
            code, status = call(self.socket, "GET", "/v1/status", patience=5)
        except (NotThere, OSError, http.client.HTTPException):
            return None
        return status if code == 200 else None

    def is_quiet(self):
        """Everything sent is settled, and the agent itself waits for nothing."""
        if self.waits_for():
            return False
        status = self.status()
        return status is not None and status["link"]["connected"] and not any(
            status["waiting"][what] for what in ("messages", "for_key", "unaccepted_batches"))

    # ---- a state that was put back ----

    def remember(self):
        """What `forget` goes back to: the application's own books when its agent's store was copied.
        The agent is down; a send that it left without an answer ends first."""
        with self._sending, self._lock:
            return {"cursor": self.cursor, "records": len(self.history.records),
                    "under_way": {value: set(left) for value, left in self.under_way.items()}}

    def forget(self, memory):
        with self._sending, self._lock:
            self.cursor = memory["cursor"]
            self.under_way = {value: set(left) for value, left in memory["under_way"].items()}
        self.history.add("restored", records=memory["records"])

    # ---- what people see ----

    def inbox(self):
        """What the inbox shows of this history, oldest first, as receives."""
        rows, before = [], ""
        while True:
            status, page = call(self.socket, "GET", f"/v1/messages?folder=inbox&most={PAGE}{before}")
            if status != 200:
                raise AssertionError(f"the inbox of {self.agency} cannot be read: {page}")
            rows += [row for row in page["messages"] if row["kind"] == "notice"]
            if len(page["messages"]) < PAGE:
                break
            before = f"&before={page['messages'][-1]['id']}"
        shown = []
        for row in reversed(rows):
            if row["id"] in self._earlier:
                continue
            if row["id"] not in self.received:
                self.received[row["id"]] = told_by(call(self.socket, "GET", f"/v1/messages/{row['id']}")[1])
            known = dict(self.received[row["id"]], value=row["subject"], lane=row["lane"])
            known["from"] = row["from"]
            shown.append({"event": "receive", "at": int(time.monotonic() * 1000), "late": row.get("late", False),
                          **known})
        return shown


def told_by(message):
    """What a received message says, as the fields of a receive."""
    summary = message["summary"]
    return {"value": summary["subject"], "from": summary["from"], "lane": summary["lane"],
            "digest": digest_of(message["content"]["notice"]["what"])}
