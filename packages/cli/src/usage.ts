/** `pinvault --help`. */
export const usage: string = `Usage: pinvault <command>

  pinvault pin <host[:port] | file>   the pin of a server, or of a key in a file, as a row to paste

  --help, --version                   also: pinvault pin --help

Examples
  pinvault pin api.example.com
  pinvault pin db.internal:5433 --ca corporate-root.pem
  pinvault pin next-key.pem
`;

/** `pinvault pin --help`. */
export const pinUsage: string = `Usage: pinvault pin <host[:port] | file> [options]

Prints a row for the pin document and, for each certificate, its pin, subject and validity.

  host    connected to with full verification, on port 443 unless given; an https:// URL will do too
  file    PEM or DER: certificates, a public key, or a private key (of which only the public half is
          used)

  --ca <file>           trust the roots in this PEM file too; may be repeated
  --servername <name>   the name to ask for and to verify, where it is not the host
  --timeout <seconds>   for the connection and the handshake; default 10
  --json                for programs
  --help, --version

Verification cannot be switched off: the key of an unverified connection may be anybody's.
Exit code: 0, 1 where there is no pin to print, 2 for a wrong command line.

Examples
  pinvault pin api.example.com
  pinvault pin [2001:db8::1]:8443 --servername api.example.com
  pinvault pin db.internal:5433 --ca corporate-root.pem
  pinvault pin next-key.pem
  pinvault pin api.example.com --json | jq .row
`;
