"""Verifies a XAdES signature with signxml: xades.py CERTIFICATE.pem SIGNED.xml

Exit code 0 when it verifies, 1 when it does not; the reason goes to standard error.
"""

import sys

from signxml import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidInput, SignXMLException
from signxml.xades import XAdESSignatureConfiguration, XAdESVerifier

certificate, signed = (open(path, "rb").read() for path in sys.argv[1:3])
config = XAdESSignatureConfiguration(
    expect_references=2,
    signature_methods=frozenset({SignatureMethod.RSA_SHA256, SignatureMethod.ECDSA_SHA256}),
    digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
    require_x509=True,
)
try:
    results = XAdESVerifier().verify(
        signed, x509_cert=certificate.decode(), expect_config=config, expect_signature_policy=None
    )
except (SignXMLException, InvalidInput, ValueError) as refused:
    print(f"{type(refused).__name__}: {refused}", file=sys.stderr)
    sys.exit(1)
roots = [r.signed_xml.tag for r in results if r.signed_xml is not None]
if not any(tag.endswith("}AuthTokenRequest") for tag in roots):
    print(f"the request itself is not signed: {roots}", file=sys.stderr)
    sys.exit(1)
