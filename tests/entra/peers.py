"""The cases: one line each, and a count. Run by tests/entra/run."""

import json
import os
import subprocess
import sys
import tempfile
import traceback
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msal
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PASSWORD = "R1ght & p\u00e4ss+w=rd%"
HOST = "https://localhost"
SCOPES = ["User.Read"]
STATES = {
    "mfa": 50076,
    "locked": 50053,
    "disabled": 50057,
    "expired": 50055,
    "blocked": 53003,
    "unknown": 50034,
}
CASES = []


def case(function):
    CASES.append(function)
    return function


class StandIn:
    def __init__(self, folder):
        users = [f"--user={state}@contoso.example:{PASSWORD}:{state}" for state in [*STATES, "no_mfa"]]
        command = [Path(os.environ["BIN"], "countersign-demo"), "entra", "--dir", folder]
        command += ["--listen", "127.0.0.1:443", "--authority", HOST, *users]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        told = json.loads(self.process.stdout.readline())
        self.log_file = told.pop("log")
        self.control_url = told.pop("control")
        vars(self).update(told)

    def app(self, kind=msal.PublicClientApplication, client_id=None, **others):
        """A new one for each question: it keeps answers, and would not ask twice."""
        if "oidc_authority" not in others:
            others.setdefault("authority", f"{HOST}/{self.tenant}")
            others["instance_discovery"] = False
        return kind(client_id or self.client_id, verify=self.ca_file, **others)

    def confidential(self, credential, **others):
        kind = msal.ConfidentialClientApplication
        return self.app(kind, self.confidential_client_id, client_credential=credential, **others)

    def secret(self):
        return Path(self.client_secret_file).read_text()

    def certificate(self):
        public = Path(self.client_certificate_file).read_text()
        key = Path(self.client_key_file).read_text()
        return credential(key, public)

    def curl(self, path, *options):
        """Status, headers and body."""
        command = ["curl", "--silent", "--show-error", "--cacert", self.ca_file, "--include"]
        url = path if path.startswith("https:") else HOST + path
        done = subprocess.run([*command, *options, url], capture_output=True, check=True)
        head, _, body = done.stdout.decode().partition("\r\n\r\n")
        status, *lines = head.split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return int(status.split()[1]), headers, body

    def control(self, **order):
        status, _, body = self.curl(self.control_url, "--data", json.dumps(order))
        assert status == 200, body

    def log(self):
        return [json.loads(line) for line in Path(self.log_file).read_text().splitlines()]


def credential(key, public):
    certificate = x509.load_pem_x509_certificate(public.encode())
    thumbprint = certificate.fingerprint(hashes.SHA256()).hex()
    return {"private_key": key, "sha256": thumbprint, "public_certificate": public}


def strangers_certificate():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stranger")])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    public = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return credential(private.decode(), public.decode())


def ask(app, user="mfa", password=PASSWORD):
    name = f"{user}@contoso.example"
    return app.acquire_token_by_username_password(name, password, scopes=SCOPES)


def refused(result, code):
    assert "access_token" not in result, result
    assert result.get("error_codes") == [code], result


def granted(result):
    assert result.get("access_token"), result
    assert result.get("token_type") == "Bearer", result


@case
def public_client_each_state(stand_in):
    for state, code in STATES.items():
        refused(ask(stand_in.app(), state), code)


@case
def public_client_mfa_is_a_basic_action(stand_in):
    result = ask(stand_in.app())
    assert (result["error"], result["suberror"]) == ("invalid_grant", "basic_action"), result
    assert result["error_description"].startswith("AADSTS50076:"), result
    assert result["trace_id"] and result["correlation_id"] and result["timestamp"], result


@case
def public_client_without_mfa_gets_a_token(stand_in):
    result = ask(stand_in.app(), "no_mfa")
    granted(result)
    # The library has read the id_token: its audience, its issuer and its times.
    assert result["id_token_claims"]["tid"] == stand_in.tenant, result
    assert result["id_token_claims"]["aud"] == stand_in.client_id, result


@case
def public_client_wrong_password(stand_in):
    for user in ["mfa", "no_mfa", "disabled", "blocked"]:
        refused(ask(stand_in.app(), user, "wrong"), 50126)


@case
def public_client_awkward_passwords(stand_in):
    for password in [PASSWORD + " ", " " + PASSWORD, "a&b=c", "%41", "+", "\u20ac\U0001f511"]:
        refused(ask(stand_in.app(), "mfa", password), 50126)


@case
def public_client_by_oidc_authority(stand_in):
    authority = f"{HOST}/{stand_in.tenant}/v2.0"
    refused(ask(stand_in.app(oidc_authority=authority)), 50076)


@case
def public_client_by_domain(stand_in):
    refused(ask(stand_in.app(authority=f"{HOST}/contoso.example")), 50076)


@case
def secret_client(stand_in):
    refused(ask(stand_in.confidential(stand_in.secret())), 50076)
    refused(ask(stand_in.confidential(stand_in.secret()), "mfa", "wrong"), 50126)
    granted(ask(stand_in.confidential(stand_in.secret()), "no_mfa"))


@case
def secret_client_wrong_secret(stand_in):
    refused(ask(stand_in.confidential("wrong")), 7000215)


@case
def secret_client_without_secret(stand_in):
    refused(ask(stand_in.app(client_id=stand_in.confidential_client_id)), 7000218)


@case
def secret_client_own_token(stand_in):
    app = stand_in.confidential(stand_in.secret())
    granted(app.acquire_token_for_client(["https://graph.microsoft.com/.default"]))
    app = stand_in.confidential("wrong")
    refused(app.acquire_token_for_client(["https://graph.microsoft.com/.default"]), 7000215)
    app = stand_in.confidential(stand_in.secret())
    refused(app.acquire_token_for_client(["User.Read"]), 70011)


@case
def certificate_client(stand_in):
    refused(ask(stand_in.confidential(stand_in.certificate())), 50076)
    refused(ask(stand_in.confidential(stand_in.certificate()), "mfa", "wrong"), 50126)
    granted(ask(stand_in.confidential(stand_in.certificate()), "no_mfa"))


@case
def certificate_client_of_a_stranger(stand_in):
    refused(ask(stand_in.confidential(strangers_certificate())), 700027)


@case
def certificate_client_forged_thumbprint(stand_in):
    forged = {**stand_in.certificate(), "private_key": strangers_certificate()["private_key"]}
    refused(ask(stand_in.confidential(forged)), 700027)


@case
def certificate_client_late(stand_in):
    ours = stand_in.certificate()
    signer = msal.oauth2cli.JwtSigner(
        ours["private_key"], "PS256", sha256_thumbprint=ours["sha256"]
    )
    now = datetime.now(timezone.utc).timestamp()
    endpoint = f"{HOST}/{stand_in.tenant}/oauth2/v2.0/token"
    client_id = stand_in.confidential_client_id
    for audience, issued_at, code in [
        (endpoint, now - 3600, 700024),
        (endpoint, now + 3600, 700024),
        (HOST, now, 50012),
    ]:
        assertion = signer.create_normal_assertion(
            audience,
            client_id,
            expires_at=issued_at + 300,
            issued_at=issued_at,
            not_before=issued_at,
        )
        credential = {"client_assertion": lambda assertion=assertion: assertion}
        refused(ask(stand_in.confidential(credential)), code)


@case
def certificate_client_own_token(stand_in):
    app = stand_in.confidential(stand_in.certificate())
    granted(app.acquire_token_for_client(["https://graph.microsoft.com/.default"]))


@case
def unknown_application_and_tenant(stand_in):
    stranger = "00000000-0000-0000-0000-000000000000"
    refused(ask(stand_in.app(client_id=stranger)), 700016)
    try:
        stand_in.app(authority=f"{HOST}/{stranger}")
    except ValueError:
        pass
    else:
        raise AssertionError("an unknown tenant was found")


@case
def the_realm_is_looked_up_before_the_question(stand_in):
    before = len(stand_in.log())
    ask(stand_in.app())
    asked = [(line["method"], line["path"]) for line in stand_in.log()[before:]]
    assert asked == [
        ("GET", f"/{stand_in.tenant}/v2.0/.well-known/openid-configuration"),
        ("GET", "/common/userrealm/mfa@contoso.example"),
        ("POST", f"/{stand_in.tenant}/oauth2/v2.0/token"),
    ], asked


@case
def throttled(stand_in):
    stand_in.control(throttle=True, retry_after="17")
    try:
        status, headers, body = token(stand_in)
        assert (status, headers["retry-after"], body) == (429, "17", "Too Many Requests")
        result = None
        try:
            result = ask(stand_in.app(authority=f"{HOST}/{stand_in.tenant}"))
        except Exception:  # as the library has it: discovery itself is throttled
            pass
        assert not (result or {}).get("access_token"), result
    finally:
        stand_in.control(throttle=False, retry_after=None)
    refused(ask(stand_in.app()), 50076)


@case
def curl_configuration(stand_in):
    for tenant in [stand_in.tenant, "contoso.example"]:
        status, headers, body = stand_in.curl(f"/{tenant}/v2.0/.well-known/openid-configuration")
        document = json.loads(body)
        assert status == 200 and "date" in headers, headers
        assert document["issuer"] == f"{HOST}/{stand_in.tenant}/v2.0", document
        expected = f"{HOST}/{stand_in.tenant}/oauth2/v2.0/token"
        assert document["token_endpoint"] == expected, document
    status, _, body = stand_in.curl("/fabrikam.example/v2.0/.well-known/openid-configuration")
    assert (status, json.loads(body)["error_codes"]) == (400, [90002]), body


@case
def curl_realm(stand_in):
    for domain, kind in [("contoso.example", "Managed"), ("fabrikam.example", "Unknown")]:
        path = f"/common/userrealm/anyone@{domain}?api-version=1.0"
        status, _, body = stand_in.curl(path)
        assert (status, json.loads(body)["account_type"]) == (200, kind), body


def token(stand_in, **fields):
    form = {
        "client_id": stand_in.client_id,
        "grant_type": "password",
        "scope": "openid",
        "username": "mfa@contoso.example",
        "password": PASSWORD,
        **fields,
    }
    there = [f"{name}={value}" for name, value in form.items() if value is not None]
    data = [argument for field in there for argument in ("--data-urlencode", field)]
    return stand_in.curl(f"/{stand_in.tenant}/oauth2/v2.0/token", *data)


@case
def curl_question(stand_in):
    for fields, status, code in [
        ({}, 400, 50076),
        ({"password": "wrong"}, 400, 50126),
        ({"client_id": None}, 400, 900144),
        ({"scope": None}, 400, 900144),
        ({"grant_type": "implicit"}, 400, 70003),
        ({"client_secret": "s"}, 401, 700025),
        ({"client_id": stand_in.confidential_client_id}, 401, 7000218),
        ({"client_id": stand_in.confidential_client_id, "client_secret": "s"}, 401, 7000215),
    ]:
        got, headers, body = token(stand_in, **fields)
        said = json.loads(body)
        assert (got, said["error_codes"]) == (status, [code]), (fields, got, body)
        assert headers["cache-control"].startswith("no-store"), headers
        assert headers["x-ms-clitelem"].startswith(f"1,{code}"), headers


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        stand_in = StandIn(folder)
        for one in CASES:
            name = one.__name__.replace("_", " ")
            try:
                one(stand_in)
                print(f"ok      {name}", flush=True)
            except Exception:
                failed += 1
                print(f"FAILED  {name}", flush=True)
                traceback.print_exc()
        stand_in.process.terminate()
        stand_in.process.wait()
    print(f"{len(CASES) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
