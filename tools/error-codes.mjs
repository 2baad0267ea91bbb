// What docs/errors.md says of each code. Codes are API: none is renamed or reused.
export const errorCodes = [
  {
    title: 'A connection was refused',
    className: 'PinMismatchError',
    codes: {
      ERR_PIN_MISMATCH: [
        'no pin matched the key of the leaf, nor of a CA on its verified path',
        'compare the pins in the message; add the right one as a row, or find out who answers',
      ],
      ERR_PIN_REVOKED: [
        'a key under `$revoked` was shown',
        'replace the key; take the row out only when it was a mistake',
      ],
      ERR_PIN_EXPIRED: ['every pin of the host is past its `until=`', 'add a pin, or a later date'],
      ERR_PIN_HOST_UNCOVERED: [
        'no row covers the host, or only rows with a port that is not known',
        'add the row that the message names; pass the port',
      ],
      ERR_PIN_HOST_BLOCKED: [
        'the host’s row says `block`',
        'take it out when the host is to be reached again',
      ],
      ERR_PIN_NOT_LOADED: [
        'the host’s pins are not loaded, or it has no secret of its own',
        'wait for `ready(host)`; write the secret',
      ],
      ERR_PIN_ROW_INVALID: [
        'the host’s row cannot be read, and there was no good one before; also the code of such a row',
        'mend the row that the message names',
      ],
      ERR_PIN_SYNTAX: [
        'a pin or a host name cannot be read',
        'a pin is `sha256/` and 44 characters of base64',
      ],
      ERR_PIN_CHAIN_UNVERIFIED: [
        'the certificates that Node showed cannot be read, or prove no path to the pinned CA, or none up to a root',
        'the message names the link; pin the leaf, or let the server send each issuer right after what it signed',
      ],
      ERR_PIN_INSECURE_SCHEME: ['plain `http:` to a host that has pins', 'use https, or `none`'],
    },
  },
  {
    title: 'A document was refused; the last good one stays',
    className: 'PinDocumentError',
    codes: {
      ERR_DOCUMENT_MALFORMED: [
        'it is no JSON object, has a bad or doubled key, an unknown directive, or no usable row',
        'mend what the message names',
      ],
      ERR_DOCUMENT_EMPTY: ['it has no rows', 'a host that wants no pins says `none`'],
      ERR_DOCUMENT_TOO_LARGE: ['it is larger than `maxDocumentBytes`', 'raise the limit, or split it'],
      ERR_DOCUMENT_ROLLBACK: [
        'its `$generation` is lower than the one in force, or missing',
        'to go back on purpose, give it a higher one',
      ],
      ERR_DOCUMENT_FORMAT: ['its `$format` is newer than this version', 'update the service first'],
      ERR_DOCUMENT_REQUIRED_HOST: [
        'it has no enforced pins for a host of `requiredHosts`',
        'add the row, or take the host out of `requiredHosts`',
      ],
    },
  },
  {
    title: 'A store did not hand over a document',
    className: 'PinProviderError',
    codes: {
      ERR_PROVIDER_NOT_FOUND: [
        'the secret, its version or its mount is not there; `detail` says which',
        'mend the path, or restore the secret',
      ],
      ERR_PROVIDER_DENIED: ['the store refused the credentials', 'a policy with read, or a new token'],
      ERR_PROVIDER_UNAVAILABLE: [
        'the store is away, sealed, fails, or is not the one that was meant',
        'nothing, if it passes; else what the message says',
      ],
      ERR_PROVIDER_TIMEOUT: ['it did not answer in time', 'as above'],
      ERR_PROVIDER_THROTTLED: ['it asks for fewer reads', 'a longer interval'],
      ERR_PROVIDER_MISCONFIGURED: [
        'address, token or a variable is missing or wrong',
        'mend what the message names',
      ],
      ERR_PROVIDER_SDK_MISSING: ['a package is not installed', 'install what the message names'],
    },
  },
  {
    title: 'The resolver cannot answer',
    className: 'PinResolverError',
    codes: {
      ERR_RESOLVER_NOT_READY: ['there are no pins yet', 'await `createPinResolver()`'],
      ERR_RESOLVER_EXPIRED: [
        'the pins are past `maxStaleMs` or `$expires`',
        'bring the store back; a later `$expires`',
      ],
      ERR_RESOLVER_CLOSED: ['it was closed', 'close it last'],
    },
  },
  {
    title: 'The caller’s own mistake, thrown where the option is passed',
    className: 'TypeError',
    codes: {
      ERR_INVALID_OPTION: ['an option or a `PINVAULT_*` variable is wrong; the message names it', 'mend it'],
    },
  },
];
