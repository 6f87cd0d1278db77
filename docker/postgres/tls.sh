#!/bin/sh
# Makes a certificate at the first start and keeps it in the volume /tls: an authority that signs
# one server certificate and whose key is thrown away. Then it hands over to the image's own entry
# point.
set -eu

if [ ! -s /tls/server.crt ]; then
    command -v openssl >/dev/null || {
        echo 'this image has no openssl: put authority.crt, server.crt and server.key into the volume /tls' >&2
        exit 1
    }
    work=$(mktemp -d)
    umask 077
    cat > "$work/names" <<'END'
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, DNS:postgres, IP:127.0.0.1, IP:::1
END
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 825 \
        -subj '/CN=FlowControl development authority' \
        -addext 'keyUsage = critical, keyCertSign' \
        -keyout "$work/authority.key" -out "$work/authority.crt" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -subj '/CN=FlowControl development server' \
        -keyout "$work/server.key" -out "$work/server.csr" 2>/dev/null
    openssl x509 -req -days 825 -in "$work/server.csr" -extfile "$work/names" \
        -CA "$work/authority.crt" -CAkey "$work/authority.key" -CAcreateserial \
        -out "$work/server.crt" 2>/dev/null
    cp "$work/authority.crt" "$work/server.key" /tls
    chmod 644 /tls/authority.crt
    chown postgres /tls/server.key
    # Last: its presence says that all is there.
    cp "$work/server.crt" /tls/server.crt.new
    chown postgres /tls/server.crt.new
    chmod 755 /tls
    mv /tls/server.crt.new /tls/server.crt
    rm -rf "$work"
fi

exec docker-entrypoint.sh "$@"
