import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  decodeChanges,
  decodeFrame,
  decodeMessage,
  encodeChanges,
  encodeFrame,
  encodeNudge,
  type TickFrame,
} from '../../src/publish/frame.ts';

const ID = '0190a0b0-0000-7000-8000-00000000000a';
const OTHER = '0190a0b0-0000-7000-8000-00000000000b';

const objects = fc.dictionary(fc.string(), fc.jsonValue());
const bodies = {
  progress: fc.record({ progress: objects, more: fc.jsonValue() }),
  log: fc.record({ lines: fc.array(objects), dropped: fc.nat(), more: fc.jsonValue() }),
};
const frames: fc.Arbitrary<TickFrame> = fc.constantFrom('progress', 'log').chain((type) =>
  fc.record({
    cursor: fc.record({ version: fc.nat(), tick: fc.integer({ min: 1, max: 999_999_999 }) }),
    type: fc.constant(type),
    data: bodies[type].map((value) => JSON.stringify(value)),
  }),
);

describe('a frame on its way through Redis', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        expect(decodeMessage(encodeFrame(frame))).toEqual({ frame });
        expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
      }),
    );
  });

  it('keeps line breaks inside its texts', () => {
    const data = JSON.stringify({ lines: [{ text: 'one\ntwo\r\n\u2028three' }], dropped: 0 });
    const frame: TickFrame = { cursor: { version: 3, tick: 4 }, type: 'log', data };
    expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
  });

  it.each([
    ['nothing', ''],
    ['one line', '1.1'],
    ['two lines', '1.1\nprogress'],
    [
      "a raw line break in the data, which would end the client's frame",
      '1.1\nprogress\n{"progress":{}}\n\nevent: end',
    ],
    ['tick 0, which only status changes have', '2.0\nprogress\n{"progress":{}}'],
    ['a status event', '2.1\nend\n{"progress":{}}'],
    ['an event of ours that is no frame', '2.1\nbye\n{"progress":{}}'],
    ['a cursor that is none', 'x.1\nprogress\n{"progress":{}}'],
    ['a cursor with a line of its own', '1.1\r\nprogress\n{"progress":{}}'],
    ['a type in other letters', '1.1\nProgress\n{"progress":{}}'],
    ['no JSON', '1.1\nprogress\nnot json'],
    ['JSON that says nothing', '1.1\nprogress\nnull'],
    ['JSON that is no object', '1.1\nprogress\n[]'],
    ['progress without any', '1.1\nprogress\n{"progress":null}'],
    ['progress that is a text', '1.1\nprogress\n{"progress":"half"}'],
    ['a log without lines', '1.1\nlog\n{"dropped":0}'],
    ['a log with lines that are none', '1.1\nlog\n{"lines":[null],"dropped":0}'],
    ['a log that counts in words', '1.1\nlog\n{"lines":[],"dropped":"one"}'],
    ['longer than 128 KiB', `1.1\nprogress\n{"progress":{"message":"${'x'.repeat(128 * 1024)}"}}`],
    ['longer than 128 KiB in bytes', `1.1\nprogress\n{"progress":{"message":"${'\u20ac'.repeat(50_000)}"}}`],
  ])('is refused when it is %s', (_name, message) => {
    expect(decodeMessage(message)).toBeNull();
    expect(decodeFrame(message)).toBeNull();
  });

  it('is never an error, whatever somebody publishes', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^!?[0-9.]{0,5}\n?(progress|log|x)?\n?.{0,5}$/)),
        (message) => {
          const decoded = decodeMessage(message);
          if (decoded && 'frame' in decoded) expect(encodeFrame(decoded.frame)).toBe(message);
          if (decoded && 'changed' in decoded) expect(Number.isSafeInteger(decoded.changed)).toBe(true);
        },
      ),
    );
  });
});

describe('a nudge', () => {
  it('says the version', () => {
    expect(decodeMessage(encodeNudge(7))).toEqual({ changed: 7 });
  });

  it.each(['!x', '!1.5', '!Infinity', '!NaN', '!9007199254740993', '!1 2'])(
    'is refused when it is %j',
    (message) => {
      expect(decodeMessage(message)).toBeNull();
    },
  );
});

describe('the changes of one statement', () => {
  it('are read as they were written, whatever the names of the tenants', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1, unit: 'binary' })), (tenants) => {
        const jobs = tenants.map((tenant) => ({ id: ID, tenant }));
        expect(decodeChanges(encodeChanges(jobs))).toEqual(jobs);
      }),
    );
  });

  it("leave no room for a tenant to pose as another one's job", () => {
    const jobs = [{ id: ID, tenant: `acme\n${OTHER} victim` }];
    expect(decodeChanges(encodeChanges(jobs))).toEqual(jobs);
  });

  it('are read as far as they can be read', () => {
    const message = [
      '',
      'nonsense',
      ID,
      `${ID} `,
      `${ID.toUpperCase()} acme`,
      `${ID} two words`,
      `${OTHER} acme`,
    ].join('\n');
    expect(decodeChanges(message)).toEqual([{ id: OTHER, tenant: 'acme' }]);
  });

  it('concern no tenant when its name is not encoded as it should be', () => {
    expect(decodeChanges(`${ID} %E0%A4%A`)).toEqual([{ id: ID, tenant: '' }]);
  });
});
