#!/usr/bin/env python3
"""Plants one violation after another in a small tree, and sees tools/check-layers refuse it; and sees that it lets
pass what is allowed."""

import pathlib
import subprocess
import sys
import tempfile

TOOL = pathlib.Path(__file__).resolve().parent / "check-layers"

SOUND = {
    "src/base/time.h": "#pragma once\n#include <chrono>\n",
    "src/wire/wire.h": '#pragma once\n#include "base/time.h"\n',
    "src/core/machine.h": '#pragma once\n#include "wire/wire.h"\n',
    "src/log/segment.h": '#pragma once\n#include "core/machine.h"\n',
    "src/io/seam.h": '#pragma once\n#include "log/segment.h"\n',
    "src/io/real/loop.h": '#pragma once\n#include "io/seam.h"\n',
    "src/io/real/loop.cc": '#include "io/real/loop.h"\n#include <boost/asio.hpp>\n#include <thread>\n'
                           "auto now() { return std::chrono::steady_clock::now(); }\n",
    "src/coord/store.h": '#pragma once\n#include "io/seam.h"\n',
    "src/coord/embedded.cc": '#include "coord/store.h"\n#include <sqlite3.h>\n#include <thread>\n',
    "src/coord/zookeeper.cc": '#include "coord/store.h"\n#include <zookeeper/zookeeper.h>\n',
    "src/broker/broker.h": '#pragma once\n#include "coord/store.h"\n',
    "src/door/listener.h": '#pragma once\n#include "broker/broker.h"\n',
    "src/door/kafka/routes.h": '#pragma once\n#include "door/listener.h"\n',
    "src/door/kafka/handlers/fetch.cc": '#include "door/kafka/routes.h"\n',
    "src/door/console/http.cc": "#include <boost/beast/http/parser.hpp>\n",
    "src/door/stomp/frames.h": "#pragma once\n",
    "src/cli/topic.cc": '#include "io/real/loop.h"\n#include "broker/broker.h"\n#include <librdkafka/rdkafka.h>\n',
    "src/main.cc": '#include "door/listener.h"\n#include "cli/topic.h"\n#include "io/real/loop.h"\n',
    "src/cli/topic.h": "#pragma once\n",
    "src/wire/wire_test.cc": '#include "wire/wire.h"\n#include <fstream>\n#include <random>\n#include "tests/sim/world.h"\n',
}

# What is planted (in a file of its own, or in place of one of the above), and what must be said of it.
REFUSED = {
    "wire reaches core": ("src/wire/a.cc", '#include "core/machine.h"\n', "wire may not include core"),
    "log reaches io": ("src/log/a.cc", '#include "io/seam.h"\n', "log may not include io"),
    "broker reaches door": ("src/broker/a.cc", '#include "door/listener.h"\n', "broker may not include door"),
    "a test reaches right, too": ("src/base/a_test.cc", '#include "wire/wire.h"\n', "base may not include wire"),
    "door reaches cli": ("src/door/a.cc", '#include "cli/topic.h"\n', "door may not include cli"),
    "cli reaches door": ("src/cli/a.cc", '#include "door/listener.h"\n', "cli may not include door"),
    "door reaches door": ("src/door/stomp/a.cc", '#include "door/kafka/routes.h"\n', "door stomp may not include door kafka"),
    "broker reaches io/real": ("src/broker/a.cc", '#include "io/real/loop.h"\n', "io/real is for main and cli only"),
    "io reaches io/real": ("src/io/a.cc", '#include "io/real/loop.h"\n', "io/real is for main and cli only"),
    "a folder that is no layer": ("src/misc/a.cc", "\n", "belongs to no layer"),
    "Boost in io": ("src/io/a.cc", "#include <boost/asio.hpp>\n", "Boost stays in io/real"),
    "Boost in broker": ("src/broker/a.h", "#pragma once\n#include <boost/container/flat_map.hpp>\n", "Boost stays in io/real"),
    "Boost in a door": ("src/door/console/door.cc", "#include <boost/beast.hpp>\n", "Boost stays in io/real"),
    "Boost in the header of what reads HTTP": ("src/door/console/http.h", "#pragma once\n#include <boost/beast.hpp>\n", "Boost stays in io/real"),
    "SQLite in broker": ("src/broker/a.cc", "#include <sqlite3.h>\n", "SQLite is wrapped"),
    "SQLite in a header": ("src/coord/a.h", "#pragma once\n#include <sqlite3.h>\n", "SQLite is wrapped"),
    "SQLite in a second file": ("src/coord/second.cc", "#include <sqlite3.h>\n", "SQLite is wrapped"),
    "ZooKeeper in broker": ("src/broker/a.cc", "#include <zookeeper/zookeeper.h>\n", "ZooKeeper's client is wrapped"),
    "ZooKeeper in a second file": ("src/coord/a.cc", "#include <zookeeper/zookeeper.h>\n", "ZooKeeper's client is wrapped"),
    "librdkafka in door": ("src/door/a.cc", "#include <librdkafka/rdkafka.h>\n", "only cli is one"),
    "a clock": ("src/broker/a.cc", "auto t = std::chrono::system_clock::now();\n", "touches the clock"),
    "a clock under another name": ("src/log/a.cc", "using C = std::chrono::steady_clock;\nauto t = time(nullptr);\n", "touches the clock"),
    "a clock in a test": ("src/log/a_test.cc", "auto t = std::chrono::steady_clock::now();\n", "touches the clock"),
    "a clock in io outside real": ("src/io/a.cc", "timespec t; int r = clock_gettime(0, &t);\n", "touches the clock"),
    "randomness": ("src/core/a.cc", "std::random_device seed;\n", "touches randomness"),
    "rand": ("src/core/a.cc", "int n = rand();\n", "touches randomness"),
    "<random>": ("src/core/a.cc", "#include <random>\n", "touches randomness"),
    "a thread": ("src/broker/a.cc", "std::thread t;\n", "touches threads"),
    "this_thread": ("src/broker/a.cc", "void f() { std::this_thread::yield(); }\n", "touches threads"),
    "a mutex": ("src/broker/a.h", "#pragma once\nstruct A { std::mutex m; };\n", "touches threads"),
    "<thread>": ("src/wire/a.cc", "#include <thread>\n", "touches threads"),
    "<mutex>": ("src/wire/a.cc", "#include <mutex>\n", "touches threads"),
    "a thread in a test": ("src/wire/a_test.cc", "#include <thread>\n", "touches threads"),
    "a socket": ("src/door/a.cc", "int s = ::socket(2, 1, 0);\n", "touches sockets"),
    "<sys/socket.h>": ("src/door/a.cc", "#include <sys/socket.h>\n", "touches sockets"),
    "a file": ("src/log/a.cc", "int f = ::open(p, 0);\n", "touches files"),
    "fopen": ("src/log/a.cc", 'auto* f = fopen("x", "r");\n', "touches files"),
    "<fstream>": ("src/broker/a.cc", "#include <fstream>\n", "touches files"),
    "<filesystem>": ("src/broker/a.cc", "#include <filesystem>\n", "touches files"),
    "the environment": ("src/broker/a.cc", 'auto* v = std::getenv("HOME");\n', "touches the environment"),
    "sockets in the embedded store": ("src/coord/embedded_b.cc", "#include <sys/socket.h>\n", "touches sockets"),
    "a path of its own folder": ("src/wire/a.cc", '#include "wire.h"\n', "is written from its own folder"),
    "a path upward": ("src/wire/a.cc", '#include "../wire/wire.h"\n', "is written from its own folder"),
    "a file that is not there": ("src/wire/a.cc", '#include "wire/none.h"\n', "is no file below src/"),
    "ours in angle brackets": ("src/wire/a.cc", "#include <wire/wire.h>\n", "is ours"),
    "using namespace": ("src/wire/a.h", "#pragma once\nusing namespace std;\n", "using namespace in a header"),
    "no pragma once": ("src/wire/a.h", "// #pragma once\n", "no #pragma once"),
}

# What must pass, though it looks like a violation.
ALLOWED = {
    "words in comments and texts": ("src/core/a.cc", '// std::mutex, rand()\n/* #include <thread> */\nauto s = "std::thread";\n'),
    "a raw text": ("src/core/a.cc", 'auto s = R"(#pragma " std::mutex)";\nint n = 1\'000;\n'),
    "methods named like calls": ("src/broker/a.cc", "auto r = loop.random(), s = file->open(p), t = Files::open(p);\n"),
    "a clock's type": ("src/base/a.h", "#pragma once\nusing Instant = std::chrono::steady_clock::time_point;\n"),
    "using namespace in a source": ("src/core/a.cc", "using namespace std;\n"),
    "a long file": ("src/core/a.cc", "\n" * 600),
}


def run(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([sys.executable, TOOL, "--root", folder], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def main():
    failed = 0

    def expect(name, holds, output):
        nonlocal failed
        if not holds:
            failed += 1
            print(f"FAILED: {name}\n{output}")

    code, output = run(SOUND)
    expect("the sound tree passes", code == 0, output)
    code, output = run({})
    expect("an empty tree is no sound one", code != 0, output)
    for name, (path, text, said) in REFUSED.items():
        code, output = run(SOUND | {path: text})
        faults = [line for line in output.splitlines() if ":" in line and not line.startswith(("check-layers", "note"))]
        expect(name, code == 1 and faults and all(said in line for line in faults), output)
    for name, (path, text) in ALLOWED.items():
        code, output = run(SOUND | {path: text})
        expect(name, code == 0, output)
    code, output = run(SOUND | {"src/core/a.cc": "\n" * 600})
    expect("a long file is reported", "src/core/a.cc has 600 lines" in output, output)
    print(f"{len(REFUSED)} violations, {len(ALLOWED)} allowed: {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
