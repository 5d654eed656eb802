#!/usr/bin/env python3
"""The agent's API, held to schemas/api/openapi.yaml: every answer has the shape it promises."""
import http.client
import json
import pathlib
import re
import socket
import sys
import unittest
import urllib.parse

import yaml

from exchange import Exchange, until

SOURCE = pathlib.Path(__file__).resolve().parents[2]
DESCRIPTION = yaml.safe_load((SOURCE / "schemas/api/openapi.yaml").read_text())
BORDER, CUSTOMS = "kz.border-guard", "kz.customs"
INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def faults(schema, value, place="body"):
    """What in `value` is not as `schema` says: the part of OpenAPI 3.0 our description uses."""
    if "$ref" in schema:
        target = DESCRIPTION
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        yield from faults(target, value, place)
        return
    kind = schema.get("type")
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    if kind and (not isinstance(value, kinds[kind]) or (kind == "integer" and isinstance(value, bool))):
        yield f"{place}: {value!r} is no {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value!r} is none of {schema['enum']}"
    if schema.get("format") == "date-time" and not INSTANT.match(value):
        yield f"{place}: {value!r} is no instant"
    if schema.get("format") == "uuid" and not UUID.match(value):
        yield f"{place}: {value!r} is no uuid"
    if kind == "object":
        properties, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        for name in schema.get("required", []):
            if name not in value:
                yield f"{place}: {name} is missing"
        for name, inner in value.items():
            if name in properties:
                yield from faults(properties[name], inner, f"{place}.{name}")
            elif more is False:
                yield f"{place}: {name} is not described"
            elif isinstance(more, dict):
                yield from faults(more, inner, f"{place}.{name}")
    if kind == "array":
        for number, inner in enumerate(value):
            yield from faults(schema["items"], inner, f"{place}[{number}]")


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("agent", timeout=60)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class Validator(unittest.TestCase):
    def test_finds_what_is_wrong(self):
        problem = {"$ref": "#/components/schemas/Problem"}
        right = {"type": "t", "title": "t", "status": 404, "code": "not_found", "detail": "d", "remedy": "r"}
        self.assertEqual(list(faults(problem, right)), [])
        for change in ({"status": "404"}, {"code": "wrong"}, {"more": 1}):
            self.assertTrue(list(faults(problem, right | change)))
        del right["detail"]
        self.assertTrue(list(faults(problem, right)))


class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.exchange = cls.enterClassContext(Exchange([BORDER, CUSTOMS]))
        cls.exchange.start_all()
        cls.exercised = set()

    @classmethod
    def tearDownClass(cls):
        described = {(path, verb) for path, verbs in DESCRIPTION["paths"].items() for verb in verbs
                     if verb in ("get", "post")}
        missed = described - cls.exercised
        assert not missed, f"described but never exercised: {sorted(missed)}"

    def call(self, path, verb, target=None, body=None, agency=BORDER, headers=None, raw=False, expect=None):
        """Sends one request and holds the answer to the description of `path`."""
        connection = Connection(self.socket_of(agency))
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        connection.request(verb.upper(), target or path, body=body, headers=headers or {})
        answer = connection.getresponse()
        self.exercised.add((path, verb))
        responses = DESCRIPTION["paths"][path][verb]["responses"]
        content = answer.read()
        connection.close()
        if expect is not None:
            self.assertEqual(answer.status, expect, content)
        described = responses.get(str(answer.status))
        if described is None:
            self.assertGreaterEqual(answer.status, 400)
            self.assertEqual(answer.getheader("Content-Type"), "application/problem+json")
            described = DESCRIPTION["components"]["responses"]["Problem"]
        if raw:
            return answer, content
        for media_type, shape in described.get("content", {}).items():
            self.assertEqual(answer.getheader("Content-Type"), media_type)
            found = list(faults(shape["schema"], json.loads(content)))
            self.assertEqual(found, [], content)
        return answer, json.loads(content) if content else None

    def socket_of(self, agency):
        config = (self.exchange.dir_of(agency) / "agent.toml").read_text()
        return self.exchange.dir_of(agency) / re.search(r'^socket\w*\s*=\s*"(.*)"', config, re.M).group(1)

    def test_a_messages_life(self):
        notice = json.loads(self.exchange.keruen("send", "notice", "--example", check=True).out)
        _, upload = self.call("/v1/uploads", "post", body=b"\x01" * 200_000,
                              headers={"Content-Type": "application/octet-stream"}, expect=201)
        self.assertEqual(upload["bytes"], 200_000)
        message = self.exchange.send(BORDER, CUSTOMS, "shape of a message")
        _, shown = self.call("/v1/messages/{id}", "get", f"/v1/messages/{message}", expect=200)
        request = {"to": [CUSTOMS], "lane": "flash", "expires_in_seconds": 3600, "content": shown["content"],
                   "attachments": [{"upload": upload["upload"], "name": "proof.bin"}]}
        _, sent = self.call("/v1/messages", "post", body=request, expect=201)
        self.assertEqual(sent["recipients"], [CUSTOMS])
        self.exchange.wait_arrived(CUSTOMS, sent["id"])
        self.call("/v1/messages", "get", "/v1/messages?folder=inbox&most=5&state=unread", agency=CUSTOMS, expect=200)
        self.call("/v1/messages", "get", "/v1/messages?folder=sent", expect=200)
        self.call("/v1/ids", "get", f"/v1/ids?like={sent['id'][-8:]}", expect=200)
        for sender, status in ((BORDER, 200), (CUSTOMS, 404), ("Border Guard", 400)):
            target = f"/v1/messages/{sent['id']}?from={urllib.parse.quote(sender)}"
            self.call("/v1/messages/{id}", "get", target, agency=CUSTOMS, expect=status)
            target = f"/v1/messages?folder=inbox&before={sent['id']}&before_from={urllib.parse.quote(sender)}"
            self.call("/v1/messages", "get", target, agency=CUSTOMS, expect=status)
        for target in (f"/v1/messages/{sent['id']}/receipts?from={BORDER}", f"/v1/messages/{sent['id']}?form={BORDER}"):
            _, problem = self.call("/v1/messages/{id}", "get", target, expect=400)
            self.assertIn("unknown query parameter", problem["detail"])
        for sender, status in ((CUSTOMS, 404), (BORDER, 204)):
            self.call("/v1/messages/{id}/read", "post", f"/v1/messages/{sent['id']}/read?from={sender}",
                      agency=CUSTOMS, expect=status)
        self.call("/v1/messages/{id}/process", "post", f"/v1/messages/{sent['id']}/process",
                  body={"result": "forwarded", "note": "to the region"}, agency=CUSTOMS, expect=204)
        self.exchange.wait_state(BORDER, sent["id"], CUSTOMS, "processed")
        self.call("/v1/messages/{id}/receipts", "get", f"/v1/messages/{sent['id']}/receipts", expect=200)
        name = "/v1/messages/{id}/attachments/{name}"

        def attachment():
            answer, content = self.call(name, "get", f"/v1/messages/{sent['id']}/attachments/proof.bin",
                                        agency=CUSTOMS, raw=True)
            return answer.status == 200 and content == b"\x01" * 200_000
        until("the attachment is whole", attachment)
        self.call("/v1/messages/{id}/recall", "post", f"/v1/messages/{sent['id']}/recall", expect=200)
        self.assertIn("goods", notice)

    def test_what_is_repeated_under_its_key_is_stored_once(self):
        def upload(content=b"evidence"):
            _, kept = self.call("/v1/uploads", "post", body=content, expect=201)
            return {"upload": kept["upload"], "name": "photo.jpg"}

        def send(key, subject, expect, attachments=()):
            request = {"to": [CUSTOMS], "attachments": list(attachments), "content": {
                "kind": "notice", "header": {"subject": {"en": subject}, "handling": "H0", "language": "en"},
                "notice": {"type": "information", "what": "Two trucks"}}}
            return self.call("/v1/messages", "post", body=request, headers={"Idempotency-Key": key}, expect=expect)[1]

        def count(subject):
            _, page = self.call("/v1/messages", "get", "/v1/messages?folder=sent&most=500", expect=200)
            return sum(row.get("subject") == subject for row in page["messages"])

        photo = upload()
        first = send('"0b4e-1"', "asked for twice", 201, [photo])
        self.assertEqual(first["outcome"], "stored")
        for attachments in ([photo], [upload()]):  # as it was, though the upload is used; handed in anew
            again = send("0b4e-1", "asked for twice", 200, attachments)
            self.assertEqual((again["id"], again["outcome"]), (first["id"], "already_sent"))
            self.assertEqual(again["recipients"], [CUSTOMS])
        self.assertEqual(count("asked for twice"), 1)

        for subject, attachments in (("another message", ()), ("asked for twice", [upload(b"another file")])):
            other = send("0b4e-1", subject, 400, attachments)
            self.assertEqual(other["code"], "malformed")
            self.assertIn(first["id"], other["detail"])
        self.assertEqual(count("another message"), 0)
        send("0b4e-2", "asked for twice", 201)
        self.assertEqual(count("asked for twice"), 2)

        for key in ("", '""', "two words", 'a"b', "x" * 129):
            with self.subTest(key=key[:20]):
                problem = send(key, "under no key", 400)
                self.assertEqual(problem["code"], "malformed")
                self.assertIn("Idempotency-Key", problem["detail"])
        self.assertEqual(count("under no key"), 0)
        _, elsewhere = self.call("/v1/messages/{id}/recall", "post", f"/v1/messages/{first['id']}/recall",
                                 headers={"Idempotency-Key": "0b4e-3"}, expect=415)
        self.assertEqual(elsewhere["code"], "unsupported")

    def test_photos_are_among_the_attachments(self):
        def send(names, expect, key):
            request = {"to": [CUSTOMS], "attachments": [], "content": {
                "kind": "notice", "header": {"subject": {"en": "with photos"}, "handling": "H0", "language": "en"},
                "notice": {"type": "information", "what": "Two trucks", "photos": ["front.jpg"]}}}
            for name in names:
                _, kept = self.call("/v1/uploads", "post", body=name.encode(), expect=201)
                request["attachments"].append({"upload": kept["upload"], "name": name})
            headers = {"Idempotency-Key": key} if key else {}
            return self.call("/v1/messages", "post", body=request, headers=headers, expect=expect)[1]

        for key in (None, "with-photos"):
            for names in ([], ["back.jpg"]):
                problem = send(names, 400, key)
                self.assertIn("front.jpg", problem["detail"])
                self.assertIn("photos[0]", problem["detail"])
            sent = send(["back.jpg", "front.jpg"], 201, key)
            self.exchange.wait_arrived(CUSTOMS, sent["id"])
            _, shown = self.call("/v1/messages/{id}", "get", f"/v1/messages/{sent['id']}", agency=CUSTOMS, expect=200)
            self.assertEqual(shown["content"]["notice"]["photos"], ["front.jpg"])

    def test_reports(self):
        self.call("/v1/status", "get", expect=200)
        self.call("/v1/agencies", "get", expect=200)

    def test_events_are_streamed_after_the_last_seen(self):
        connection = Connection(self.socket_of(CUSTOMS))
        connection.request("GET", "/v1/events", headers={"Last-Event-ID": "0"})
        answer = connection.getresponse()
        self.exercised.add(("/v1/events", "get"))
        self.assertEqual(answer.getheader("Content-Type"), "text/event-stream")
        message = self.exchange.send(BORDER, CUSTOMS, "an event")
        numbers = []
        while True:
            line = answer.readline().decode()
            if not line.startswith("data: "):
                continue
            event = json.loads(line.removeprefix("data: "))
            self.assertEqual(list(faults({"$ref": "#/components/schemas/Event"}, event)), [])
            numbers.append(event["number"])
            if event["type"] == "arrived" and event.get("message") == message:
                break
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "a gap in the events")
        connection.close()

    def test_refusals(self):
        identifier = "00000000-0000-7000-8000-000000000000"
        cases = [
            ("/v1/messages/{id}", "get", f"/v1/messages/{identifier}", None, 404, "not_found"),
            ("/v1/messages/{id}", "get", "/v1/messages/xyz", None, 400, "malformed"),
            ("/v1/messages", "get", "/v1/messages?folder=outbox", None, 400, "malformed"),
            ("/v1/messages", "get", "/v1/messages?folder=inbox&folder=sent", None, 400, "malformed"),
            ("/v1/messages", "get", "/v1/messages?folder=inbox&colour=red", None, 400, "malformed"),
            ("/v1/messages", "get", "/v1/messages?folder=%zz", None, 400, "malformed"),
            ("/v1/messages", "post", None, "{", 400, "malformed"),
            ("/v1/messages", "post", None, {"to": [], "content": {}}, 400, "malformed"),
            ("/v1/messages", "post", None, {"to": ["kz.customs"], "content": {}, "x": 1}, 400, "malformed"),
            ("/v1/messages", "post", None, b"x" * (3 * 1024 * 1024), 413, "too_large"),
            ("/v1/messages/{id}/process", "post", f"/v1/messages/{identifier}/process", {"result": "lost"}, 400, "malformed"),
            ("/v1/messages/{id}/read", "post", f"/v1/messages/{identifier}/read", None, 404, "not_found"),
            ("/v1/messages/{id}/recall", "post", f"/v1/messages/{identifier}/recall", None, 404, "not_found"),
            ("/v1/status", "get", "/v1/nothing", None, 404, "not_found"),
        ]
        for path, verb, target, body, status, code in cases:
            with self.subTest(target or path, body=str(body)[:40]):
                try:
                    _, problem = self.call(path, verb, target, body, expect=status)
                except BrokenPipeError:
                    continue  # the refusal came before the body was through
                self.assertEqual(problem["code"], code)

    def test_nobody_states_a_receipt_in_anothers_name(self):
        message = "00000000-0000-7000-8000-000000000000"
        stated = {
            "receipt": {"kind": "processed", "message": message, "when": "2026-09-01T09:00:00Z", "officer": "b.boss",
                        "unit": "", "result": "refused", "note": ""},
            "recall": {"message": message, "kind": "notice"},
        }
        for kind, body in stated.items():
            content = {"kind": kind, "header": {"handling": "H0"}, kind: body}
            with self.subTest(kind=kind):
                _, problem = self.call("/v1/messages", "post", body={"to": ["kz.customs"], "content": content}, expect=400)
                self.assertEqual(problem["code"], "malformed")
                self.assertIn("only notices and schedules are sent here", problem["detail"])

    def test_hostile_requests_end_only_their_connection(self):
        for request in (b"\x00" * 64, b"GET " + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
                        b"GET /v1/status HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
                        b"POST /v1/messages HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                        b"POST /v1/messages HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                        b"DELETE /v1/messages HTTP/1.1\r\n\r\n", b"GET /v1/status HTTP/1.1\r\nLast-Event-ID: x\r\n\r\n"):
            with socket.socket(socket.AF_UNIX) as peer:
                peer.settimeout(60)
                peer.connect(str(self.socket_of(BORDER)))
                try:
                    peer.sendall(request)
                    answer = b""
                    while piece := peer.recv(65536):
                        answer += piece
                except (BrokenPipeError, ConnectionResetError):
                    answer = b""
                if answer:
                    self.assertRegex(answer, rb"^HTTP/1\.1 4\d\d ", request[:40])
        self.call("/v1/status", "get", expect=200)

    def test_json_as_deep_as_its_body_allows_is_refused(self):
        depth = 900_000
        for content in (b"[" * depth + b"]" * depth, b'{"a":' * (depth // 3) + b"1" + b"}" * (depth // 3)):
            for body in (content, b'{"to":["kz.customs"],"content":' + content + b"}"):
                with self.subTest(body=body[:40]):
                    _, problem = self.call("/v1/messages", "post", body=body, expect=400)
                    self.assertEqual(problem["code"], "malformed")
        twice = b'{"to":["kz.customs"],"to":["kz.prosecutor"],"content":{}}'
        _, problem = self.call("/v1/messages", "post", body=twice, expect=400)
        self.assertIn("twice", problem["detail"])
        self.call("/v1/status", "get", expect=200)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
