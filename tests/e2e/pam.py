"""A PAM service whose passwords go to RADIUS servers (libpam-radius-auth)."""

from pathlib import Path

from battery import TIMEOUT_SECS, TRIES

SERVICE = "vpn"


def write_service(folder, servers, secret):
    file = folder / "pam_radius"
    lines = [f"{it['radius']} {secret} {TIMEOUT_SECS}\n" for it in servers]
    file.write_text("".join(lines))
    file.chmod(0o600)
    radius = f"auth required pam_radius_auth.so conf={file} retry={TRIES - 1}\n"
    Path("/etc/pam.d", SERVICE).write_text(f"{radius}account required pam_permit.so\n")
