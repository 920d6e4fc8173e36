"""What every case has: a cluster of its own, its operator and users, and what goes wrong."""

import base64
import hmac
import json
import os
import pty
import signal
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

BIN = Path(os.environ["BIN"])
# Many times what anything takes here: machines of tests are busy with others.
PATIENCE_SECS = 45
STEP_SECS = 0.02
# Where travellers call from: the networks beside that of the gateway.
ADDRESSES = {"home": "198.51.100.2", "elsewhere": "198.51.100.3"}


class Process:
    """A process with a log of its own, to which somebody types, at a terminal or not."""

    def __init__(self, command, log, at_terminal=False):
        self.log = log
        ours, theirs = pty.openpty() if at_terminal else reversed(os.pipe())
        self.keyboard = open(ours, "wb", buffering=0)
        with open(log, "wb") as out, open(theirs, "rb") as stdin:
            self.child = subprocess.Popen(
                command, stdin=stdin, stdout=out, stderr=subprocess.STDOUT
            )

    def type(self, line):
        self.keyboard.write(f"{line}\n".encode())

    def said(self):
        return self.log.read_text(errors="replace")

    def wait_for(self, *words):
        """Which of these it says first."""

        def heard():
            ended = self.child.poll() is not None
            said = self.said()
            found = next((word for word in words if word in said), None)
            if ended and not found:
                raise AssertionError(f"{self.log.stem} has ended:\n{said}")
            return found

        return until(f"{self.log.stem} says one of {words}", heard)

    def stop(self):
        self.keyboard.close()
        if self.child.poll() is None:
            self.child.terminate()
        try:
            self.child.wait(PATIENCE_SECS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise


class Person:
    """Someone who can log in."""

    def __init__(self, told):
        self.name, self.password, self.seed = told["name"], told["password"], told["totp_secret"]

    def code(self, step=None):
        """What the app shows in this step of 30 s, or now (RFC 6238)."""
        key = base64.b32decode(self.seed + "=" * (-len(self.seed) % 8))
        step = step or present_step()
        digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
        offset = digest[-1] & 15
        number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
        return f"{number % 1_000_000:06}"

    def wrong_code(self):
        now = present_step()
        near = {self.code(step) for step in range(now - 5, now + 6)}
        return next(code for code in map("{:06}".format, range(12)) if code not in near)


def present_step():
    return int(time.time()) // 30


class Cluster:
    """A demo of three nodes, the leader first."""

    def __init__(self, folder):
        self.folder = folder / "demo"
        demo = [BIN / "countersign", "demo", "--nodes", "3", "--users", "1", "--dir", self.folder]
        self.demo = Process(demo, folder / "demo.log")
        try:
            self.demo.wait_for("Ctrl-C ends the demo")
            self.told = json.loads((self.folder / "demo.json").read_text())
            self.nodes = self.told["nodes"]
            leader = until("there is a leader", lambda: self.run("cluster", "status")["leader"])
            self.nodes.sort(key=lambda node: node["id"] != leader)
        except BaseException:
            self.demo.stop()
            raise
        self.alice = Person(self.told["users"][0])
        load = self.told["load"]
        self.guest = Person({**load, "name": load["name"].replace("{n}", "1")})

    def stop(self):
        """Not in order: who leads would hand over first, and the frozen could not."""
        for node in filter(is_there, self.nodes):
            kill(node)
        self.demo.stop()

    def command(self, *words, node=None):
        """A command of the operator; the last node is asked, which nobody freezes."""
        told = {
            "COUNTERSIGN_ADMIN": (node or self.nodes[-1])["admin"],
            "COUNTERSIGN_TOKEN_FILE": self.told["admin"]["token_file"],
            "COUNTERSIGN_CA_FILE": self.told["admin"]["ca_file"],
        }
        environment = (f"{name}={value}" for name, value in told.items())
        return ["env", *environment, BIN / "countersign", "--output", "json", *words]

    def run(self, *command, node=None):
        """What such a command prints."""
        done = subprocess.run(
            self.command(*command, node=node),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECS,
        )
        if done.returncode != 0:
            raise AssertionError(f"countersign {' '.join(command)}: {done.stderr}")
        if command[0] == "events":
            return [json.loads(line) for line in done.stdout.splitlines()]
        return json.loads(done.stdout or "null")

    def entra(self, **order):
        """Sets what the stand-in for Entra does, and tells how it stands."""
        entra = self.told["entra"]
        trusted = ssl.create_default_context(cafile=entra["ca_file"])
        body = json.dumps(order).encode() if order else None
        request = urllib.request.Request(entra["control"], body)
        with urllib.request.urlopen(request, context=trusted, timeout=PATIENCE_SECS) as answer:
            return json.load(answer)

    def questions(self, person):
        """How often Entra was asked for this person's password."""
        lines = Path(self.told["entra"]["log"]).read_text().splitlines()
        asked = (json.loads(line) for line in lines)
        return sum(it["user"] == person.name and it["path"].endswith("/token") for it in asked)

    def events(self, *of):
        """What each living node noted, one after another; none of them stays frozen."""
        living = [node for node in self.nodes if is_there(node)]
        for node in living:
            thaw(node)
        for node in living:
            until(f"node {node['id']} is ready", lambda: is_ready(node))
            yield from self.run("events", *of, node=node)

    def reasons(self, person):
        """Why this person's logins were let in or refused."""
        events = self.events("--user", person.name)
        return [event["reason"] for event in events if event["kind"] == "login"]


def until(what, so):
    """Asks again and again until it is so; gives what is."""
    end = time.monotonic() + PATIENCE_SECS
    while True:
        late = time.monotonic() > end
        if found := so():
            return found
        if late:
            raise AssertionError(f"not within {PATIENCE_SECS} s: {what}")
        time.sleep(STEP_SECS)


def freeze(node):
    """Every thread of it stands still: one that has to take the signal may be late."""

    def stands_still():
        stats = Path(f"/proc/{node['pid']}/task").glob("*/stat")
        return all(stat.read_text().rpartition(") ")[2].startswith("T") for stat in stats)

    os.kill(node["pid"], signal.SIGSTOP)
    until("all threads stand still", stands_still)


def thaw(node):
    """Does nothing to one that is not frozen."""
    os.kill(node["pid"], signal.SIGCONT)


def kill(node):
    os.kill(node["pid"], signal.SIGKILL)


def is_there(node):
    """Whether nobody has killed it; the demo may not have looked after it yet."""
    try:
        stat = Path(f"/proc/{node['pid']}/stat").read_text()
    except FileNotFoundError:
        return False
    return not stat.rpartition(") ")[2].startswith("Z")


def is_ready(node):
    try:
        return urllib.request.urlopen(f"{node['metrics']}/ready", timeout=1).status == 200
    except OSError:
        return False
