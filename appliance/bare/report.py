"""What is said when everything is ready."""

import json
import shlex
from dataclasses import dataclass

from appliance.bare.data_folder import DataFolder
from appliance.bare.preparation import Passwords
from appliance.bare.status import address
from appliance.core.networks import lan_address, machine_addresses
from appliance.lifecycle.stack.welcome import FORMS, passphrase_lines


def kept_passwords(folder: DataFolder) -> Passwords:
    """The first passwords that nobody has changed yet."""
    try:
        return Passwords.of(json.loads(folder.first_passwords.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return Passwords()


@dataclass(frozen=True)
class Report:
    """Addresses, first passwords and a line to try it with."""

    folder: DataFolder
    port: int
    made: Passwords
    kept: Passwords

    def base(self, host: str) -> str:
        return address(self.port, host)

    def bases(self) -> list[str]:
        return [self.base(host) for host in (lan_address(), "localhost") if host]

    def ingest(self, base: str, form: str) -> str:
        return f"{base}/api/ingest/slot-001?reply={form}"

    def curl(self) -> str:
        """One line to paste, answering with a processed photo."""
        if self.made.ingest:
            password = shlex.quote(f"password={self.made.ingest}")
        elif self.kept.ingest:
            code = 'import json, sys; print(json.load(open(sys.argv[1]))["ingest"])'
            file = shlex.quote(str(self.folder.first_passwords))
            password = f"\"password=$(python3 -c '{code}' {file})\""
        else:
            password = "password=YOUR-INGEST-PASSWORD"  # noqa: S105 - it is none
        sample = f'"{self.folder.sample}"' if "," in str(self.folder.sample) else str(self.folder.sample)
        photo = shlex.quote(f"fileToUpload=@{sample}")
        url = shlex.quote(self.ingest(self.base("localhost"), "image"))
        return f"curl -fsS -o processed.jpg -F {password} -F {photo} {url} && echo 'Look at processed.jpg'"

    def text(self) -> str:
        parts = [*self._addresses(), "", *self._passwords(), *passphrase_lines(self.passphrase)]
        parts += ["", "Try it:", f"  {self.curl()}"]
        return "\n".join(["", *parts, ""])

    def _addresses(self) -> list[str]:
        lines = [f"{'Admin':<18}{base}/admin/" for base in self.bases()]
        lines += ["", "What to enter in the booth software (slot-001 to slot-015):"]
        for form, who in FORMS.items():
            lines += [f"  {who:<16}{self.ingest(base, form)}" for base in self.bases()]
        lines += self._networks()
        keys = f"{self.bases()[0]}/admin/settings#keys"
        return [*lines, "", f"Keys of AI providers (slot-009 to slot-011) are entered at {keys}"]

    def _networks(self) -> list[str]:
        """What a guest's phone may need to know where this machine has no address in the room, or several."""
        usable = [one for one in machine_addresses() if one.problem is None]
        if len(usable) > 1:
            said = ", ".join(f"{one.address} ({one.interface})" for one in usable)
            return ["", f"Choose on the dashboard which of its addresses guests' phones can reach: {said}"]
        if usable:
            return []
        return [
            "",
            "This machine has no address that guests' phones can reach. QR codes will not work until it",
            "joins a network, or its address is set in the admin pages under Settings, Event and addresses.",
        ]

    def _passwords(self) -> list[str]:
        if not self.made:
            if self.kept:
                return [f"First passwords that have not been changed yet: {self.folder.first_passwords}"]
            return ["All first passwords have been changed."]
        lines = ["First passwords, shown only this once; change them in the admin pages:"]
        lines += [f"  {name:<16}{password}" for name, password in self.made.accounts.items()]
        if self.made.ingest:
            lines.append(f"  {'ingest':<16}{self.made.ingest}")
        return [*lines, f"  They are kept in {self.folder.first_passwords} until they are changed."]

    @property
    def passphrase(self) -> str | None:
        """The backups' passphrase until somebody has seen it."""
        return self.made.backup or self.kept.backup

    def as_json(self) -> dict[str, object]:
        return {
            "admin": f"{self.bases()[0]}/admin/",
            "ingest": {form: self.ingest(self.bases()[0], form) for form in FORMS},
            "passwords": {"accounts": self.made.accounts, "ingest": self.made.ingest},
            "backup_passphrase": self.passphrase,
            "first_passwords_file": str(self.folder.first_passwords) if self.kept else None,
            "curl": self.curl(),
        }
