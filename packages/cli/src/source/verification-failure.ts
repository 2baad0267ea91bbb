import { CommandError } from '../command-error.js';
import { printable } from '../text.js';

const privateCa =
  'issued by a private CA? Get its root from those who run it (not from this connection) and add --ca root.pem';

interface Explanation {
  readonly reason: string;
  readonly hint?: string;
}

/** By the code of OpenSSL's verdict, as Node names it. */
const explanations: Readonly<Record<string, Explanation>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: {
    reason: 'no trusted root issued it, or the server does not send its intermediate certificate',
    hint: privateCa,
  },
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: {
    reason: 'no trusted root leads to it, or the server does not send its intermediate certificate',
    hint: privateCa,
  },
  SELF_SIGNED_CERT_IN_CHAIN: { reason: 'the root of its chain is not trusted', hint: privateCa },
  UNABLE_TO_GET_ISSUER_CERT: {
    reason: 'its chain ends in a certificate that is no root',
    hint: '--ca takes the root: the certificate that has issued itself',
  },
  DEPTH_ZERO_SELF_SIGNED_CERT: {
    reason: 'it is self-signed, and nothing says that it is trusted',
    hint: 'get it from those who run the server (not from this connection) and add --ca server.pem',
  },
  CERT_HAS_EXPIRED: { reason: 'it, or a CA above it, has expired' },
  CERT_NOT_YET_VALID: { reason: 'it, or a CA above it, is not valid yet; is the clock right?' },
  CERT_SIGNATURE_FAILURE: { reason: 'a signature in its chain is wrong' },
  INVALID_CA: { reason: 'it was issued by a certificate that is no CA' },
  INVALID_PURPOSE: { reason: 'it, or a CA above it, is not for TLS servers' },
  PATH_LENGTH_EXCEEDED: { reason: 'more CAs stand above it than one of them allows' },
};

/** Says why a certificate was not accepted, and what can be done that is not to look away. */
export function verificationFailure(
  error: NodeJS.ErrnoException,
  { host, servername }: { readonly host: string; readonly servername?: string | undefined },
): CommandError {
  const code = error.code ?? '';
  const explanation = explain(code, error);
  const name = servername ?? host;
  return new CommandError(
    `no pin: the certificate for ${name} was not accepted: ${explanation.reason} (${code || 'no code'})`,
    { hint: explanation.hint, cause: error },
  );
}

function explain(code: string, error: NodeJS.ErrnoException): Explanation {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const { cert } = error as { readonly cert?: { readonly subjectaltname?: string } };
    const names = printable(cert?.subjectaltname ?? '', 200);
    return {
      reason: `it is for other names: ${names === '' ? 'it holds none' : names}`,
      hint: 'where the server is meant to be dialled at one address and verified by another name: --servername <name>',
    };
  }
  return (
    (Object.hasOwn(explanations, code) ? explanations[code] : undefined) ?? {
      reason: printable(error.message),
    }
  );
}
