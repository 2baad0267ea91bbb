import { expect } from 'chai';
import { notFlat, soak, type SoakSample } from './soak.js';

describe('a rotation every second under load', function () {
  this.timeout(60_000);

  it('loses no request, and leaves heap, sockets and timers flat', async () => {
    const { samples, failures } = await soak({ minutes: 0.1, samples: 4, requestsPerSecond: 100 });
    expect(failures).to.deep.equal([]);
    const last = samples.at(-1);
    expect(last?.lost).to.equal(0);
    expect(last?.requests).to.be.greaterThan(400);
    expect(last?.rotations).to.be.at.least(4);
    expect(notFlat(samples)).to.deep.equal([]);
  });
});

describe('the judgement of a soak', () => {
  const sample: SoakSample = {
    at: 1,
    heapMiB: 20,
    sockets: 40,
    timers: 10,
    requests: 1,
    lost: 0,
    rotations: 1,
    reads: 1,
  };
  const series = (name: keyof SoakSample, perSample: number): SoakSample[] =>
    Array.from({ length: 61 }, (_, index) => ({ ...sample, [name]: sample[name] + perSample * index }));

  it('finds what grows', () => {
    expect(notFlat(series('heapMiB', 0.1))).to.have.length(1);
    expect(notFlat(series('sockets', 2))).to.have.length(1);
    expect(notFlat(series('timers', 1))).to.have.length(1);
  });

  it('leaves alone what is flat, or only warms up', () => {
    expect(notFlat(series('requests', 50))).to.deep.equal([]);
    const [, ...rest] = series('heapMiB', 0);
    expect(notFlat([{ ...sample, heapMiB: 5 }, ...rest])).to.deep.equal([]);
  });
});
