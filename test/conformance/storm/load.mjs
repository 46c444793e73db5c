// Submits jobs, has each of them watched by several, all of them by feeds, and judges what was seen.
import { isDeepStrictEqual } from 'node:util';
import { FeedViewer } from './feed-viewer.mjs';
import { JobViewer } from './job-viewer.mjs';
import { Story } from './story.mjs';
import { complaintsOf } from './verdict.mjs';

/** Replays that are read at a time when all is calm. */
const READERS = 8;

export class Load {
  stories = [];
  viewers = [];
  feeds = [];
  problems = [];
  #caller;
  #random;

  constructor(caller, random) {
    this.#caller = caller;
    this.#random = random;
  }

  /** Resolves when every viewer of every job was told to stop, or gave up. `window`: jobs watched at a time. */
  async run({ jobs, viewers, feeds, window }) {
    this.feeds = Array.from(
      { length: feeds },
      (_, index) => new FeedViewer(index, this.#caller, this.#random),
    );
    const coming = this.feeds.map((feed) => feed.watch());
    let left = jobs;
    await inLanes(Math.min(window, jobs), async () => {
      left -= 1;
      if (left >= 0) await this.#tell(viewers);
      return left > 0;
    });
    for (const feed of this.feeds) feed.stop();
    await Promise.all(coming);
  }

  /** Holds everything that was seen against Postgres; call it when all is calm. */
  async judge(truth, outages, fleet) {
    const jobs = [];
    const todo = [...this.stories];
    await inLanes(READERS, async () => {
      const story = todo.pop();
      if (story) jobs.push(await this.#judgeStory(story, truth.get(story.id)));
      return todo.length > 0;
    });
    await Promise.all(this.feeds.map(async (feed) => this.problems.push(...(await feed.judge(jobs)))));
    for (const { visits } of [...this.viewers, ...this.feeds])
      for (const visit of visits)
        this.problems.push(...visit.problems(outages, (url) => fleet.placesAt(url)));
  }

  get progress() {
    const dismissed = this.viewers.filter((viewer) => viewer.dismissed).length;
    return `${this.stories.length} jobs, ${dismissed} of ${this.viewers.length} viewers are through`;
  }

  /** Frames by event and connections by how they ended, of the viewers and of the feeds. */
  counts(ofFeeds) {
    const frames = new Map();
    const connections = new Map();
    for (const { visits } of ofFeeds ? this.feeds : this.viewers)
      for (const { outcome, frames: seen } of visits) {
        add(connections, outcome);
        for (const { event } of seen) add(frames, event ?? 'comment');
      }
    return { frames, connections };
  }

  async #tell(viewerCount) {
    const story = new Story(this.#caller, this.#random);
    await story.begin();
    this.stories.push(story);
    story.viewers = Array.from(
      { length: viewerCount },
      (_, index) => new JobViewer(story, this.#caller, this.#random, index),
    );
    this.viewers.push(...story.viewers);
    await Promise.all([story.play(), ...story.viewers.map((viewer) => viewer.watch())]);
  }

  /** Resolves to the job as it is. */
  async #judgeStory({ id, kind, problems, viewers }, { changes, lines }) {
    const job = await this.#caller.job(id);
    const found = viewers.flatMap((viewer) => complaintsOf(viewer, { job, changes, lines }));
    if (found.length === 0) found.push(...(await this.#replayProblems(job, changes)));
    this.problems.push(...[...problems, ...found].map((problem) => `job ${id} (${kind}): ${problem}`));
    return job;
  }

  /** Whoever comes now is told the whole history. */
  async #replayProblems(job, changes) {
    const stream = await this.#caller.pick().http.open(`/jobs/${job.id}/events?after=0.0`);
    await stream.untilClosed();
    const states = stream.of('state').map(({ data }) => data);
    if (!isDeepStrictEqual(states, changes.slice(0, -1))) return [`a replay of ${stream.summary()}`];
    return isDeepStrictEqual(stream.events.at(-1).data, { job })
      ? []
      : ['the end of the replay is not the job'];
  }
}

/** Runs `act` in so many lanes, in each until it answers false. */
async function inLanes(count, act) {
  const lane = async () => {
    while (await act());
  };
  await Promise.all(Array.from({ length: count }, lane));
}

function add(counts, name) {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
