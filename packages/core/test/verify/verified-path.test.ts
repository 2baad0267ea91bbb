import { expect } from 'chai';
import { DerError } from '#src/pin/der.js';
import { subjectText } from '#src/verify/subject.js';
import { verifiedPath } from '#src/verify/verified-path.js';
import { derOf, lonePeer, nodeCertificate, peerCertificate, pinOf, testTime } from '../support/chains.js';
import { unsignedCertificate } from '../support/der.js';

describe('the verified path', () => {
  it('names what a CA pin could match', () => {
    const path = verifiedPath(peerCertificate('without root'), testTime);
    expect(path).to.deep.equal({
      certificates: ['leaf', 'intermediate', 'root'].map((name) => ({
        pin: pinOf(name),
        subject: `CN=${name}`,
        notBefore: Date.UTC(2026, 0, 1),
        notAfter: Date.UTC(2099, 11, 31, 23, 59, 59),
      })),
    });
  });

  it('says where and why it ends early', () => {
    const path = verifiedPath(peerCertificate('issuer for mail only'), testTime);
    expect(path.certificates.map(({ pin }) => pin)).to.deep.equal([pinOf('leaf of the shared CA')]);
    expect(path.endsBecause).to.contain('certificate 0').and.to.contain('extended key usage');
  });

  it('of a certificate alone is that certificate', () => {
    const { certificates, endsBecause } = verifiedPath(lonePeer('lone'), testTime);
    expect([certificates.length, endsBecause]).to.deep.equal([1, undefined]);
  });

  it('of bytes that are no certificate is a DerError', () => {
    expect(() => verifiedPath(nodeCertificate([Buffer.from('junk')]), testTime)).to.throw(DerError);
  });
});

describe('a subject', () => {
  it('stands on one line, bounded and safe to print', () => {
    const text = subjectText(derOf('control characters'));
    expect(text).to.have.length.at.most(300);
    expect(text)
      .to.contain('\\u')
      .and.not.to.match(/[\p{Cc}\p{Cf}]/u);
    expect(subjectText(derOf('leaf'))).to.equal('CN=leaf');
  });

  it('that is empty says so', () => {
    expect(subjectText(derOf('empty subject'))).to.equal('(no subject)');
  });

  it('of bytes that Node cannot read is an error of Node', () => {
    expect(() => subjectText(unsignedCertificate())).to.throw(Error);
  });
});
