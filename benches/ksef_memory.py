"""Memory of the KSeF simulator over the size of a batch: ksef_memory.py FLOWCONTROL.

For 1,000 and for 10,000 invoices of 20,000 bytes each a fresh `flowcontrol ksef serve` takes one
package in parts. Prints the peak of its resident memory (VmHWM) before and after, and how long the
package took; ends with 1 when ten times the invoices take more than 8 MiB on top. Needs Linux, and
Python with httpx and cryptography (target/judges has both).
"""

import base64
import hashlib
import io
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

flowcontrol = sys.argv[1]
NIP = "5265877635"
BYTES = 20_000
PART = 20_000_000
ALLOWED = 8 * 1024
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def template():
    """The judge's invoice, padded with a comment; its number is filled in later."""
    source = (Path(__file__).parent.parent / "tests/judges/ksef_clients.py").read_text(encoding="utf-8")
    text = source.split('INVOICE = """', 1)[1].split('"""', 1)[0]
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400))
    text = text.replace("{nip}", NIP).replace("{day}", day)
    return text.replace("</Faktura>", f"<!--{'x' * (BYTES - len(text))}--></Faktura>")


def b64(data):
    return base64.b64encode(data).decode()


def sha(data):
    return b64(hashlib.sha256(data).digest())


def sealed(data, key, iv):
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()


def package(invoices):
    out = io.BytesIO()
    text = template()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for n in range(invoices):
            archive.writestr(f"{n:05}.xml", text.replace("{number}", f"M/{n}"))
    return out.getvalue()


def peak(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise SystemExit("no VmHWM: this needs Linux")


class Ksef:
    def __init__(self, said):
        self.http = httpx.Client(base_url=said["base_url"] + "/", timeout=600)
        self.token = Path(said["token_file"]).read_text()

    def call(self, method, path, good, body=None, bearer=None):
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        answer = self.http.request(method, path, json=body, headers=headers)
        if answer.status_code != good:
            raise SystemExit(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    def wrapped(self, usage, data):
        keys = self.call("GET", "security/public-key-certificates", 200)
        key = next(k for k in keys if usage in k["usage"])
        public = x509.load_der_x509_certificate(base64.b64decode(key["certificate"])).public_key()
        return b64(public.encrypt(data, OAEP)), key["publicKeyId"]

    def sign_in(self):
        challenge = self.call("POST", "auth/challenge", 200)
        text = f"{self.token}|{challenge['timestampMs']}".encode()
        token, key = self.wrapped("KsefTokenEncryption", text)
        body = {
            "challenge": challenge["challenge"],
            "contextIdentifier": {"type": "Nip", "value": NIP},
            "encryptedToken": token,
            "publicKeyId": key,
        }
        begun = self.call("POST", "auth/ksef-token", 202, body)
        time.sleep(0.5)
        bearer = begun["authenticationToken"]["token"]
        self.access = self.call("POST", "auth/token/redeem", 200, bearer=bearer)["accessToken"]["token"]

    def batch(self, archive):
        key, iv = b"k" * 32, b"i" * 16
        wrapped, key_id = self.wrapped("SymmetricKeyEncryption", key)
        parts = [sealed(archive[at : at + PART], key, iv) for at in range(0, len(archive), PART)]
        told = [
            {"ordinalNumber": n, "fileSize": len(part), "fileHash": sha(part)}
            for n, part in enumerate(parts, 1)
        ]
        body = {
            "formCode": {"systemCode": "FA (3)", "schemaVersion": "1-0E", "value": "FA"},
            "batchFile": {"fileSize": len(archive), "fileHash": sha(archive), "fileParts": told},
            "encryption": {"encryptedSymmetricKey": wrapped, "initializationVector": b64(iv), "publicKeyId": key_id},
        }
        opened = self.call("POST", "sessions/batch", 201, body, self.access)
        for request, part in zip(opened["partUploadRequests"], parts):
            put = httpx.request(request["method"], request["url"], headers=request["headers"], content=part, timeout=600)
            put.raise_for_status()
        session = opened["referenceNumber"]
        self.call("POST", f"sessions/batch/{session}/close", 204, bearer=self.access)
        while True:
            told = self.call("GET", f"sessions/{session}", 200, bearer=self.access)
            if told["status"]["code"] != 150:
                return told
            time.sleep(0.5)


def measured(invoices):
    with tempfile.TemporaryDirectory() as state:
        command = [flowcontrol, "--format", "json", "ksef", "serve", "--no-limits", "--listen", "127.0.0.1:0"]
        server = subprocess.Popen([*command, "--context", NIP, "--state", state], stdout=subprocess.PIPE, text=True)
        try:
            said = ""
            while not said.rstrip().endswith("}"):
                said += server.stdout.readline()
            ksef = Ksef(json.loads(said))
            ksef.sign_in()
            archive = package(invoices)
            before, begun = peak(server.pid), time.monotonic()
            told = ksef.batch(archive)
            seconds, after = time.monotonic() - begun, peak(server.pid)
            if told.get("successfulInvoiceCount") != invoices:
                raise SystemExit(f"not all were accepted: {told}")
            print(
                f"{invoices:>6} invoices, {len(archive) / 1e6:.0f} MB: peak {before / 1024:.1f} MiB before, "
                f"{after / 1024:.1f} MiB after, {seconds:.1f} s",
                flush=True,
            )
            return after
        finally:
            server.terminate()
            server.wait()


small, large = measured(1_000), measured(10_000)
print(f"nine thousand more invoices: {(large - small) / 1024:.1f} MiB more")
sys.exit(0 if large - small <= ALLOWED else 1)
