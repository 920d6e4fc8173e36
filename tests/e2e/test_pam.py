"""pamtester and libpam-radius-auth: the login of a Unix service."""

import subprocess

import battery
import pam
from world import ADDRESSES, PATIENCE_SECS


class Pam(battery.Logins):
    def set_up(self, servers, secret):
        pam.write_service(self.folder, servers, secret)

    def log_in(self, name, *answers, caller="home"):
        rhost = f"rhost={ADDRESSES[caller]}"
        done = subprocess.run(
            ["pamtester", "-I", rhost, pam.SERVICE, name, "authenticate"],
            input="".join(f"{answer}\n" for answer in answers),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECS,
        )
        if "successfully authenticated" in done.stdout:
            return battery.ACCEPT
        if "Authentication failure" in done.stdout:
            return battery.REJECT
        raise AssertionError(f"pamtester: {done.stdout}")
