"""pamtester and libpam-radius-auth: the login of a Unix service."""

import battery
import pam
from world import ADDRESSES, Process


class Pam(battery.Challenges, battery.Logins):
    def set_up(self, servers, secret):
        pam.write_service(self.folder, servers, secret)

    def log_in(self, name, *answers, caller="home"):
        rhost = f"rhost={ADDRESSES[caller]}"
        command = ["pamtester", "-I", rhost, pam.SERVICE, name, "authenticate"]
        client = Process(command, self.folder / f"{caller}.log")
        try:
            self.answer_next(client, answers)
            ended = client.wait_for(LET_IN, "Authentication failure")
            return battery.ACCEPT if ended == LET_IN else battery.REJECT
        finally:
            client.stop()


LET_IN = "successfully authenticated"
