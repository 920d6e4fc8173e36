"""The cases that every client has to pass, each at a cluster and a gateway of its own."""

import signal
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import radclient
from world import Cluster, freeze, kill, thaw, until

ACCEPT, REJECT, SILENCE = "accept", "reject", "silence"
LET_IN, WRONG_CODE, REPLAY, WRONG_PASSWORD = "CS-R000", "CS-R301", "CS-R302", "CS-R401"
# How long the devices wait for one answer (pam_radius: no less), how often they ask a server.
TIMEOUT_SECS, TRIES = 3, 2
# Shorter than a device's patience with one server, so that the next one may ask again.
SOURCE_TIMEOUT_MS = 3000
CASE_SECS_MAX = 90
# How a challenge begins.
ASKED = "Code from your authenticator"


class Case(unittest.TestCase):
    """What a client adds: how its gateway is set up, and how somebody logs in there."""

    def set_up(self, servers, secret):
        """Sets the gateway up with these RADIUS servers, in this order."""
        raise NotImplementedError

    def log_in(self, name, *answers, caller="home"):
        """A login from the traveller's network of this name: ACCEPT or REJECT.

        The first answer is the password; the others are those to challenges.
        """
        raise NotImplementedError

    def answer_next(self, client, answers):
        """Types one answer after another, each when it is asked for."""
        first, *others = answers
        client.type(first)
        for answer in others:
            client.wait_for(ASKED)
            self.before_answer()
            client.type(answer)

    def before_answer(self):
        """What happens between a challenge and its answer."""

    def setUp(self):
        signal.signal(signal.SIGALRM, is_late)
        signal.alarm(CASE_SECS_MAX)
        self.addCleanup(signal.alarm, 0)
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.cluster = Cluster(self.folder)
        self.addCleanup(self.cluster.stop)
        self.addCleanup(self.tell_of_failure)
        self.alice, self.guest = self.cluster.alice, self.cluster.guest
        self.typed = self.alice.password + self.alice.code()
        # The demo's own entry of this address makes room for that of the gateway.
        self.cluster.run("client", "remove", "vpn")
        self.set_source_timeout()
        self.set_up(self.cluster.nodes, self.add_client("gateway", "127.0.0.1"))

    def tearDown(self):
        signal.alarm(0)

    def run(self, result=None):
        self.result, self.faults = result, faults(result)
        return super().run(result)

    def tell_of_failure(self):
        """The last words of all who had a part in it, while they are there."""
        if faults(self.result) == self.faults:
            return
        logs = [*self.folder.glob("*.log"), *self.cluster.folder.glob("n*/log")]
        for log in sorted(logs):
            last = log.read_text(errors="replace").splitlines()[-20:]
            self.result.stream.writeln("\n".join([f"--- {log.relative_to(self.folder)}", *last]))
        # Last: a node that cannot be asked is a failure of its own.
        for event in self.cluster.events():
            self.result.stream.writeln(f"--- {event}")

    def add_client(self, name, address, protection="limit-proxy-state"):
        """An entry as an operator makes it for a gateway; its secret."""
        policy = ["--factors", "both", "--message-authenticator", protection]
        times = ["--timeout-ms", f"{TIMEOUT_SECS}000", "--tries", f"{TRIES}", "--servers", "3"]
        added = self.cluster.run("client", "add", name, "--range", address, *policy, *times)
        return added["secret"]

    def set_source_timeout(self):
        settings = self.cluster.folder / "settings.toml"
        timeout = f"[source.entra]\ntimeout_ms = {SOURCE_TIMEOUT_MS}\n"
        settings.write_text(settings.read_text().replace("[source.entra]\n", timeout))
        self.cluster.run("settings", "apply", settings)

    def assert_ended(self, *reasons, person=None):
        """Alice's logins, or this person's, have ended for these reasons, and for no others."""
        found = []

        def all_there():
            found[:] = self.cluster.reasons(person or self.alice)
            return len(found) >= len(reasons)

        until(f"{len(reasons)} logins are noted", all_there)
        self.assertEqual(found, list(reasons))


class Logins(Case):
    """The cases of every client."""

    def assert_spent(self):
        """Another device, with an entry of its own, finds the code used."""
        secret = self.add_client("other", "127.0.0.3")
        server = self.cluster.nodes[1]
        verdict = radclient.log_in(server, secret, self.alice.name, self.typed, "127.0.0.3")
        self.assertEqual(verdict, REJECT)
        until("the replay is noted", lambda: REPLAY in self.cluster.reasons(self.alice))

    def test_lets_in_password_and_code(self):
        self.assertEqual(self.log_in(self.alice.name, self.typed), ACCEPT)
        self.assert_ended(LET_IN)
        self.assertEqual(self.cluster.questions(self.alice), 1)
        self.assert_spent()

    def test_refuses_a_wrong_password(self):
        wrong = "no" + self.typed
        self.assertEqual(self.log_in(self.alice.name, wrong), REJECT)
        self.assert_ended(WRONG_PASSWORD)

    def test_refuses_a_wrong_code_without_asking_entra(self):
        wrong = self.alice.password + self.alice.wrong_code()
        self.assertEqual(self.log_in(self.alice.name, wrong), REJECT)
        self.assert_ended(WRONG_CODE)
        self.assertEqual(self.cluster.questions(self.alice), 0)

    def test_refuses_a_used_code_to_another_caller(self):
        self.assertEqual(self.log_in(self.alice.name, self.typed), ACCEPT)
        again = self.log_in(self.alice.name, self.typed, caller="elsewhere")
        self.assertEqual(again, REJECT)
        self.assert_ended(LET_IN, REPLAY)

    def test_outlives_a_frozen_server(self):
        first = self.cluster.nodes[0]
        freeze(first)
        self.assertEqual(self.log_in(self.alice.name, self.typed), ACCEPT)
        # It finds what was sent to it meanwhile, and must not judge it anew.
        thaw(first)
        self.assert_spent()
        self.assertEqual(self.cluster.questions(self.alice), 1)

    def test_outlives_a_freeze_in_mid_login(self):
        first = self.cluster.nodes[0]
        self.cluster.entra(delay_ms=SOURCE_TIMEOUT_MS - 500)
        before = self.cluster.entra()["asked"]
        with ThreadPoolExecutor(1) as pool:
            login = pool.submit(self.log_in, self.alice.name, self.typed)
            until("Entra is asked", lambda: self.cluster.entra()["asked"] > before)
            freeze(first)
            self.assertFalse(login.done())
            self.cluster.entra(delay_ms=0)
            self.assertEqual(login.result(), ACCEPT)
        thaw(first)
        self.assert_spent()
        # Once more after the stop of the node that asked, and no more (DESIGN, I2).
        self.assertLessEqual(self.cluster.questions(self.alice), 2)


class Challenges:
    """Cases of clients that ask for the code apart, to be had beside Logins."""

    def ask_for_codes(self):
        """Of those who call at the gateway, and of no others."""
        asked = ["--client", "gateway", "--prompt", "challenge"]
        self.cluster.run("rule", "add", "asked", "--factors", "both", *asked)
        self.cluster.run("rule", "add", "others", "--factors", "both")

    def test_lets_in_a_code_that_is_asked_for(self):
        self.ask_for_codes()
        answers = self.alice.password, self.alice.code()
        self.assertEqual(self.log_in(self.alice.name, *answers), ACCEPT)
        self.assertEqual(self.cluster.questions(self.alice), 1)
        self.assert_spent()

    def test_refuses_a_wrong_code_that_was_asked_for(self):
        self.ask_for_codes()
        answers = self.alice.password, self.alice.wrong_code()
        self.assertEqual(self.log_in(self.alice.name, *answers), REJECT)
        self.assertEqual(self.cluster.questions(self.alice), 0)
        self.assertIn(WRONG_CODE, self.cluster.reasons(self.alice))

    def test_is_asked_for_the_code_by_the_next_server_when_the_first_is_frozen(self):
        self.ask_for_codes()
        first = self.cluster.nodes[0]
        freeze(first)
        answers = self.alice.password, self.alice.code()
        self.assertEqual(self.log_in(self.alice.name, *answers), ACCEPT)
        thaw(first)
        self.assert_spent()
        self.assertEqual(self.cluster.questions(self.alice), 1)


class Persistence(Challenges):
    """The same, where an answer goes on to the next server as well."""

    def test_takes_the_answer_at_another_server_when_the_first_is_frozen(self):
        self.ask_for_codes()
        first = self.cluster.nodes[0]
        self.before_answer = lambda: freeze(first)
        answers = self.alice.password, self.alice.code()
        self.assertEqual(self.log_in(self.alice.name, *answers), ACCEPT)
        thaw(first)
        self.assert_spent()
        self.assertEqual(self.cluster.questions(self.alice), 1)

    def test_takes_the_answer_at_another_server_when_the_first_is_dead(self):
        self.ask_for_codes()
        first = self.cluster.nodes[0]
        self.before_answer = lambda: kill(first)
        answers = self.alice.password, self.alice.code()
        self.assertEqual(self.log_in(self.alice.name, *answers), ACCEPT)
        self.assertEqual(self.cluster.questions(self.alice), 1)


def is_late(*_):
    raise TimeoutError(f"the case takes longer than {CASE_SECS_MAX} s")


def faults(result):
    return len(result.failures) + len(result.errors)
