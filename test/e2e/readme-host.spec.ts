import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { send } from '../support/http.ts';
import { ReadmeHost } from '../support/readme-host.ts';
import { openStream } from '../support/sse.ts';

describe('The host of the README', () => {
  let host: ReadmeHost;
  beforeAll(async () => void (host = await ReadmeHost.start()), 240_000);
  afterAll(() => host?.stop());

  it('shows its jobs to nobody without a token', async () => {
    expect((await send(`${host.url}/jobs`)).status).toBe(401);
  });

  it('runs the job that its route submits, and streams it to the token of the README', async () => {
    const { token } = host;
    const submitted = await send(`${host.url}/albums/oslo/thumbnails`, { method: 'POST' });
    const { id } = submitted.json<{ id: string }>();
    const stream = await openStream(`${host.url}/jobs/${id}/events`, { token });

    const { data } = await stream.untilEvent('end');

    expect(data?.job).toMatchObject({ status: 'completed', result: { made: 3 }, owner: 'ada' });
    expect(data?.job?.progress).toMatchObject({ percent: 100, unit: 'photos', message: 'oslo/tram.jpg' });
  });

  it('lets the token of the README submit over HTTP, and refuses payloads that do not fit', async () => {
    const submit = (payload: object) =>
      send(`${host.url}/jobs`, {
        method: 'POST',
        token: host.token,
        body: { type: 'album.thumbnails', payload },
      });

    expect((await submit({ album: 'bergen', width: 320 })).status).toBe(202);
    expect((await submit({ album: 'bergen', width: 1 })).status).toBe(422);
  });
});
