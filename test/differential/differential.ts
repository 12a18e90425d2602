// The whole comparison: every topic on both servers, and where their answers differ.

import type { Binaries } from '../control-plane/index.ts';
import { compare } from './compare.ts';
import { runTopic } from './run.ts';
import { type Server, startOurs, startReal, webhookPki } from './servers.ts';
import type { Difference, Topic } from './types.ts';

/** Topics under way at once: most of a run is waiting. */
const atOnce = 6;

export async function differences(topics: Topic[], binaries: Binaries): Promise<Difference[]> {
  const pki = await webhookPki();
  const [real, sandbox] = await Promise.all([startReal(binaries, pki), startOurs(pki)]);
  try {
    const found = new Map<string, Difference[]>();
    const waiting = topics.values();
    const worker = async () => {
      for (const topic of waiting) found.set(topic.name, await compareTopic(topic, real, sandbox));
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    return topics.flatMap(({ name }) => found.get(name) ?? []);
  } finally {
    await Promise.all([real.stop(), sandbox.stop()]);
  }
}

async function compareTopic(topic: Topic, real: Server, sandbox: Server): Promise<Difference[]> {
  const [theirs, ours] = await Promise.all([runTopic(topic, real), runTopic(topic, sandbox)]);
  return topic.steps.flatMap((step) => {
    const [a, b] = [theirs.get(step.name), ours.get(step.name)];
    const nothing = { code: 200, headers: {}, body: '' };
    return a || b ? compare(`${topic.name}/${step.name}`, step, a ?? nothing, b ?? nothing) : [];
  });
}
