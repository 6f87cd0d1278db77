"""Lets a Python client that we did not write use a KSeF: ksef_clients.py CLIENT BASE_URL TOKEN_FILE NIP.

CLIENT is `ksef-client` or `ksef2`. Each signs in with the token and with a certificate of its own,
opens an interactive session, sends an invoice, waits for its number, closes the session and fetches
the receipt; ksef2 also sends a package. What comes back is compared with what was sent. Exit code 1
with the reason when anything is not as it must be.
"""

import base64
import datetime
import hashlib
import sys
import time
import uuid
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from urllib.parse import urlsplit

UPO = "{http://upo.schematy.mf.gov.pl/KSeF/v4-3}"

INVOICE = """<?xml version="1.0" encoding="UTF-8"?>
<Faktura xmlns="http://crd.gov.pl/wzor/2025/06/25/13775/">
<Naglowek><KodFormularza kodSystemowy="FA (3)" wersjaSchemy="1-0E">FA</KodFormularza>
<WariantFormularza>3</WariantFormularza><DataWytworzeniaFa>{day}T00:00:00Z</DataWytworzeniaFa>
<SystemInfo>judge</SystemInfo></Naglowek>
<Podmiot1><DaneIdentyfikacyjne><NIP>{nip}</NIP><Nazwa>Sprzedawca</Nazwa></DaneIdentyfikacyjne>
<Adres><KodKraju>PL</KodKraju><AdresL1>ul. Prosta 1</AdresL1></Adres></Podmiot1>
<Podmiot2><DaneIdentyfikacyjne><NIP>1111111111</NIP><Nazwa>Nabywca</Nazwa></DaneIdentyfikacyjne>
<Adres><KodKraju>PL</KodKraju><AdresL1>ul. Polna 1</AdresL1></Adres><JST>2</JST><GV>2</GV></Podmiot2>
<Fa><KodWaluty>PLN</KodWaluty><P_1>{day}</P_1><P_2>{number}</P_2>
<P_13_1>100.00</P_13_1><P_14_1>23.00</P_14_1><P_15>123.00</P_15>
<Adnotacje><P_16>2</P_16><P_17>2</P_17><P_18>2</P_18><P_18A>2</P_18A>
<Zwolnienie><P_19N>1</P_19N></Zwolnienie><NoweSrodkiTransportu><P_22N>1</P_22N></NoweSrodkiTransportu>
<P_23>2</P_23><PMarzy><P_PMarzyN>1</P_PMarzyN></PMarzy></Adnotacje>
<RodzajFaktury>VAT</RodzajFaktury>
<FaWiersz><NrWierszaFa>1</NrWierszaFa><P_7>Transport</P_7><P_8A>szt.</P_8A><P_8B>1</P_8B>
<P_9A>100.00</P_9A><P_11>100.00</P_11><P_12>23</P_12></FaWiersz></Fa>
</Faktura>
"""


def invoice(nip):
    # Yesterday in UTC is past in Warsaw too, whatever the hour.
    day = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=1)
    return INVOICE.format(nip=nip, day=day, number=f"J/{uuid.uuid4()}").encode()


def must(condition, what):
    if not condition:
        sys.exit(f"not as it must be: {what}")


def receipt_is_of(upo, xml, number):
    document = ElementTree.fromstring(upo).find(f"{UPO}Dokument")
    told = document.findtext(f"{UPO}SkrotDokumentu")
    must(told == base64.b64encode(hashlib.sha256(xml).digest()).decode(), "the receipt's hash")
    must(document.findtext(f"{UPO}NumerKSeFDokumentu") == number, "the receipt's number")


def until(question, what):
    for _ in range(120):
        answer = question()
        if answer is not None:
            return answer
        time.sleep(0.5)
    sys.exit(f"not in a minute: {what}")


def ksef_client(base, token, nip):
    from ksef_client import KsefClient, KsefClientOptions
    from ksef_client.models import FormCode
    from ksef_client.services.workflows import AuthCoordinator, OnlineSessionWorkflow

    options = KsefClientOptions(base_url=base)
    with KsefClient(options) as client:
        login = AuthCoordinator(client.auth)
        key = client.security.get_public_key_certificate("KsefTokenEncryption")
        tokens = login.authenticate_with_ksef_token(
            token=token,
            public_certificate=key.certificate,
            public_key_id=key.public_key_id,
            context_identifier_type="Nip",
            context_identifier_value=nip,
            poll_interval_seconds=0.5,
        ).tokens
        certificate, private = test_certificate(nip)
        login.authenticate_with_xades(
            context_identifier_type="Nip",
            context_identifier_value=nip,
            subject_identifier_type="certificateSubject",
            certificate_pem=certificate,
            private_key_pem=private,
            poll_interval_seconds=0.5,
        )
        access = tokens.access_token.token
        key = client.security.get_public_key_certificate("SymmetricKeyEncryption")
        session = OnlineSessionWorkflow(client.sessions).open_session(
            form_code=FormCode(schema_version="1-0E", system_code="FA (3)", value="FA"),
            public_certificate=key.certificate,
            public_key_id=key.public_key_id,
            access_token=access,
        )
        xml = invoice(nip)
        sent = session.send_invoice(xml).reference_number

        def decided():
            told = session.get_invoice_status(sent)
            must(told.status.code < 400, f"the invoice's status {told.status}")
            return told if told.status.code == 200 else None

        number = until(decided, "the invoice's number").ksef_number
        session.close()

        def closed():
            status = session.get_status().status
            must(status.code < 400, f"the session's status {status}")
            return status if status.code == 200 else None

        until(closed, "the session's end")
        upo = session.get_invoice_upo_by_ref(sent)
        receipt_is_of(getattr(upo, "content", upo), xml, number)
    return number


def test_certificate(nip):
    """A self-signed seal of a taxpayer, as TEST takes it: PEM of certificate and key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID, ObjectIdentifier

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name(
        [
            x509.NameAttribute(ObjectIdentifier("2.5.4.97"), f"VATPL-{nip}"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Judge"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Judge"),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "PL"),
        ]
    )
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
    made = made.not_valid_before(now - day).not_valid_after(now + day).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def ksef2(base, token, nip):
    import httpx
    from ksef2 import Client, Environment
    from ksef2.models import BatchInvoice, FormSchema

    ours = urlsplit(base)

    class Elsewhere(httpx.HTTPTransport):
        """The client knows the ministry's hosts only: what goes to TEST goes to `base`."""

        def handle_request(self, request):
            if request.url.host == urlsplit(Environment.TEST.base_url).hostname:
                request.url = request.url.copy_with(scheme=ours.scheme, host=ours.hostname, port=ours.port)
                request.headers["host"] = ours.netloc
            must(request.url.host == ours.hostname, f"a request to {request.url.host}")
            return super().handle_request(request)

    with httpx.Client(transport=Elsewhere()) as http, Client(Environment.TEST, http_client=http) as client:
        client.authentication.with_test_certificate(nip=nip)
        login = client.authentication.with_token(ksef_token=token, nip=nip)
        xml = invoice(nip)
        with login.online_session(form_code=FormSchema.FA3) as session:
            sent = session.send_invoice(xml)
            number = sent.wait(timeout=60, poll_interval=0.5).ksef_number
            receipt_is_of(sent.download_upo(), xml, number)
        session.wait()
        must(len(session.download_upo()) == 1, "the session's receipt")
        files = [BatchInvoice(file_name=f"{n}.xml", content=invoice(nip)) for n in range(3)]
        with login.batch_session(prepared_batch=login.batch.prepare(files)) as batch:
            batch.upload_parts()
        told = batch.wait()
        must(told.successful_invoice_count == 3, f"the batch: {told}")
    return number


def main(client, base, token_file, nip):
    token = Path(token_file).read_text(encoding="utf-8")
    number = {"ksef-client": ksef_client, "ksef2": ksef2}[client](base, token, nip)
    print(f"{client}: {number}")


main(*sys.argv[1:])
