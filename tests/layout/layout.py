#!/usr/bin/env python3
"""The house's layout, from one table: who may include whom, where each library is at home.

    layout.py --source DIR [--build DIR]     check the tree (and, built, what the broker links)
    layout.py --self-test                    plant each defect in a small tree; each must be found

Exit 0: no finding. Exit 1: one line a finding, naming file, line, rule and what to do instead.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

# A room may include itself and what stands here. Longest prefix wins.
MAY_INCLUDE = {
    "schemas/wire": ["schemas"],
    "schemas/content": ["schemas"],
    "schemas/host": ["schemas"],
    "schemas": [],
    "certs": ["schemas", "schemas/wire", "schemas/host"],
    # The broker's stations include values (stations.h) and the log's; its core joins them.
    "broker/gateway": ["broker/stations.h"],
    "broker/admission": ["broker/stations.h"],
    "broker/log": [],
    "broker/index": ["broker/stations.h", "broker/log"],
    "broker/dispatch": ["broker/stations.h"],
    "broker/flow": ["broker/stations.h"],
    "broker": ["broker"],
    "agents/store": [],
    "agents/engine": ["agents/store"],
    "agents/link": ["agents/engine"],
    "agents/forwarder": ["agents/engine", "agents/store"],
    "agents/api": ["agents/engine", "agents/store"],
    "agents/authority": [],
    "agents/monitor": ["agents/link"],
    "agents/cli": ["agents/api", "agents/authority", "agents/monitor"],
    "agents": ["agents"],
}
# What every room of these stands on besides the line above.
FOUNDATION = {
    "broker": ["schemas", "schemas/wire", "schemas/host", "certs"],
    "agents": ["schemas", "schemas/wire", "schemas/host", "schemas/content", "certs"],
}
# A library's headers, and the only places that may include them.
HOMES = [
    (r"capnp/|kj/|.*\.capnp\.h", r"schemas/.*\.cc|schemas/strict_message\.h|schemas/content/layout\.h|schemas/.*/fields\.h", "schemas/**/*.cc"),
    (r"toml\+\+/|toml\.hpp", r"schemas/host/.*", "schemas/host"),
    (r"sodium", r"certs/.*\.cc", "certs/*.cc"),
    (r"openssl/(?!ssl\.h)", r"certs/.*\.cc", "certs/*.cc"),
    (r"zmq", r"broker/gateway/.*\.cc|agents/link/.*\.cc", "broker/gateway and agents/link, one .cc each"),
    (r"boost/", r"agents/api/.*", "agents/api"),
    (r"SQLiteCpp/|sqlite3\.h", r"broker/index/.*|agents/store/.*|schemas/host/write_ahead_log\.cc", "broker/index, agents/store, schemas/host/write_ahead_log.cc"),
    (r"libical/", r"agents/forwarder/.*", "agents/forwarder"),
    (r"nlohmann/", r"schemas/content/.*|agents/api/.*|agents/cli/.*", "schemas/content, agents/api, agents/cli"),
    (r"spdlog/", r"schemas/host/journal_sink\.cc", "schemas/host/journal_sink.cc"),
    (r"zstd\.h", r"certs/.*\.cc", "certs (seal)"),
    (r"xxhash\.h", r"(broker/log|agents/store)/.*\.cc", "broker/log and agents/store, *.cc"),
    (r"CLI/", r"agents/cli/.*", "agents/cli"),
]
NAMELESS = ("util", "utils", "common", "helper", "helpers", "manager", "misc")
ROOMS_FIXED = {"broker", "agents", "schemas", "certs", "tests", "deploy", "CMakeLists.txt", "README.md", "CMakePresets.json"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
RESULT = re.compile(r"^\s*(?:static |virtual |friend )*(?:tl::expected|(?:keruen::)?Result)<[^;={}]*>\s+\w+\(")


def room_of(path):
    """The longest key of MAY_INCLUDE that holds `path`."""
    held = [room for room in MAY_INCLUDE if path == room or path.startswith(room + "/")]
    return max(held, key=len) if held else None


def allowed(source_room, included):
    if room_of(included) == source_room:
        return True
    for place in MAY_INCLUDE[source_room] + FOUNDATION.get(source_room.split("/")[0], []):
        if included == place or room_of(included) == place or (place == "broker" and included.startswith("broker/")) \
                or (place == "agents" and included.startswith("agents/")):
            return True
    return False


def sources(root):
    for top in ("schemas", "certs", "broker", "agents"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".h", ".cc") and "node_modules" not in path.parts:
                yield path.relative_to(root).as_posix(), path


def findings_in_file(name, text):
    room = room_of(name)
    stem = pathlib.PurePosixPath(name).stem
    if stem in NAMELESS:
        yield f"{name}: \"{stem}\" names nothing: find the noun"
    # What stands in a raw literal is data: its lines are as long as the data's.
    text = re.sub(r'R"\((.*?)\)"', lambda raw: 'R"(' + "\n" * raw.group(1).count("\n") + ')"', text, flags=re.S)
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        where = f"{name}:{number}"
        if len(line) > 100 and "http" not in line and "R\"" not in line:
            yield f"{where}: {len(line)} columns: keep to 100"
        include = INCLUDE.match(line)
        if include:
            bracket, target = include.groups()
            if bracket == '"' and not allowed(room, target):
                yield f"{where}: {room} may not include {target}: see MAY_INCLUDE"
            for pattern, home, said in HOMES:
                if re.match(pattern, target) and not re.fullmatch(home, name):
                    yield f"{where}: <{target}> is at home in {said} only"
        if name.endswith(".h"):
            if RESULT.match(line):
                before = lines[number - 2] if number > 1 else ""
                if "[[nodiscard]]" not in line and "[[nodiscard]]" not in before:
                    yield f"{where}: a Result without [[nodiscard]]"
    if name.endswith(".h") and "#pragma once" not in text:
        yield f"{name}: #pragma once is missing"
    if name.endswith(".h") and not text.startswith("//"):
        yield f"{name}: begin with what it is: a comment of one sentence"
    if re.search(r"\bumask\(", text):
        yield f"{name}: umask is every thread's: give open, chmod or the Disk the mode instead"
    if re.search(r"^\s*throw\b", text, re.M):
        yield f"{name}: we throw nothing: return a Result"
    if "std::views::" in text:
        yield f"{name}: std::views does not compile with clang 14, which builds the fuzz targets: write the loop"


def findings_in_tests(root):
    for path in sorted((root / "tests").rglob("*.cc")):
        text = path.read_text(encoding="utf-8")
        for statement in re.finditer(r"[;{}]\s*rc::check\(", text):
            number = text.count("\n", 0, statement.end()) + 1
            yield f"{path.relative_to(root).as_posix()}:{number}: nobody looks at what rc::check says: EXPECT_TRUE(rc::check(…))"


def findings_in_tree(root):
    for name, path in sources(root):
        yield from findings_in_file(name, path.read_text(encoding="utf-8"))
    yield from findings_in_tests(root)
    for path in root.iterdir():
        if not path.name.startswith(".") and path.name not in ROOMS_FIXED | {"build", "compile_commands.json"}:
            yield f"{path.name}: the top level is fixed: {', '.join(sorted(ROOMS_FIXED))}"


def findings_in_link(build):
    """The broker's link line must not hold the library that decodes content."""
    ninja = build / "build.ninja"
    if not ninja.exists():
        return
    text = ninja.read_text(encoding="utf-8")
    line = re.search(r"^build bin/keruen-broker:.*?(?=^build )", text, re.M | re.S)
    if not line:
        yield "build.ninja: no target bin/keruen-broker: was it renamed? The check of its link line needs it"
        return
    if "libkeruen_content" in line.group(0):
        yield "keruen-broker links libkeruen_content: the broker must not be able to decode content"
    broker = build / "bin/keruen-broker"
    if broker.exists():
        symbols = subprocess.run(["nm", "-C", broker], capture_output=True, text=True).stdout
        if "keruen::content::" in symbols:
            yield "bin/keruen-broker holds symbols of keruen::content"


PLANTED = {
    "schemas/wire/a.h": ('// A.\n#pragma once\n#include "certs/seal.h"\n', "may not include"),
    "broker/index/a.cc": ('#include "agents/store/store.h"\n', "may not include"),
    "agents/engine/a.cc": ('#include "agents/api/server.h"\n', "may not include"),
    "broker/a.cc": ('#include "schemas/content/notice.h"\n', "may not include"),
    "broker/flow/a.cc": ("#include <SQLiteCpp/SQLiteCpp.h>\n", "at home in"),
    "agents/cli/a.cc": ("#include <zmq.hpp>\n", "at home in"),
    "certs/a.h": ("// A.\n#pragma once\n#include <sodium.h>\n", "at home in"),
    "certs/b.h": ("// B.\n#pragma once\nResult<int> load();\n", "nodiscard"),
    "certs/c.h": ("// C.\nint x;\n", "pragma once"),
    "certs/d.h": ("#pragma once\n", "begin with what it is"),
    "certs/helpers.cc": ("int x;\n", "find the noun"),
    "certs/e.cc": ("void f() {\n  throw 1;\n}\n", "throw nothing"),
    "agents/api/b.cc": ("void f() { umask(0117); }\n", "every thread's"),
    "tests/certs/a.cc": ("TEST(A, B) {\n  rc::check([] {});\n}\n", "nobody looks at"),
    "certs/g.cc": ("auto f(auto all) { return all | std::views::reverse; }\n", "does not compile with clang"),
    "certs/f.cc": ("int x;" + " " * 100 + "\n", "columns"),
}


def self_test():
    failed = 0
    for name, (text, expected) in PLANTED.items():
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for top in ("schemas", "certs", "broker", "agents"):
                (root / top).mkdir()
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
            found = list(findings_in_tree(root))
            if not any(expected in finding for finding in found):
                print(f"planted {name} ({expected}): not found; found {found}")
                failed += 1
    print(f"{len(PLANTED) - failed} of {len(PLANTED)} planted defects found")
    return 1 if failed else 0


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--source", type=pathlib.Path)
    arguments.add_argument("--build", type=pathlib.Path)
    arguments.add_argument("--self-test", action="store_true")
    chosen = arguments.parse_args()
    if chosen.self_test:
        return self_test()
    found = list(findings_in_tree(chosen.source))
    if chosen.build:
        found += findings_in_link(chosen.build)
    for finding in found:
        print(finding)
    print(f"{len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
