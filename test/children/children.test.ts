// Admission promises that children can be made. Specs are generated at random within the CRD, seeded; whatever
// admission lets in must have children, and pods of those children, that a real API server accepts (dry run).
//   CHILDREN=5000 npm test -- children     more of them; SEED=7 others
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { workloadKinds } from '../../src/api/kinds.ts';
import { ApiError } from '../../src/kube/errors.ts';
import type { Draft, Resource } from '../../src/kube/objects.ts';
import { Random } from '../simulation/random.ts';
import { Lab, places, soon } from '../workloads/lab.ts';
import {
  admitted,
  childrenOf,
  dataServiceSpec,
  elasticWebSpec,
  imoocPodSpec,
  type Owner,
  seckillSpec,
} from './owners.ts';
import { followUps, leadsNowhere } from './what-follows.ts';
import { Wild } from './wild.ts';

const rounds = Number(process.env.CHILDREN ?? 150);
const seed = Number(process.env.SEED ?? 1);
const namespace = `children-${process.pid}`;
const usual: Record<string, (random: Random) => object> = {
  ElasticWeb: elasticWebSpec,
  Seckill: seckillSpec,
  DataService: dataServiceSpec,
  ImoocPod: imoocPodSpec,
};
const names = [
  'one',
  'a',
  ...[38, 39, 40, 41, 51, 52, 53, 59, 60, 63].map((n) => 'n'.repeat(n)),
  'a.b',
  '1a',
];
const nameOf = (random: Random) => (random.chance(0.6) ? random.pick(['one', 'a']) : random.pick(names));
const namespaces: Resource = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
};
const plural = (kind: string): string => `${kind.toLowerCase()}s`;

const where = places.find((it) => it.where === 'control-plane')!;
describe('what admission lets in', { skip: where.skip }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open({ where: 'control-plane', kinds: [] });
    await lab.client.create(namespaces, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace },
    });
    const account: Resource = {
      group: '',
      version: 'v1',
      kind: 'ServiceAccount',
      plural: 'serviceaccounts',
      namespaced: true,
    };
    // Without it no pod is accepted.
    await soon(() => lab.client.get(account, { namespace, name: 'default' }), 20_000);
  });
  after(() => lab.close());

  /** Undefined where the API server would store it. */
  async function refusalOf(draft: Draft): Promise<string | undefined> {
    const { apiVersion, kind, metadata } = draft;
    const [version = '', group = ''] = apiVersion.split('/').reverse();
    const resource: Resource = { group, version, kind, plural: plural(kind), namespaced: true };
    const options = { fieldManager: 'spikegate', dryRun: true };
    try {
      if (metadata.generateName || kind === 'ReplicaSet') await lab.client.create(resource, draft, options);
      else await lab.client.apply(resource, draft, { ...options, force: true });
      return undefined;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return `${kind} ${metadata.name ?? metadata.generateName}: ${error.message}`;
    }
  }

  async function firstRefusal(drafts: readonly Draft[]): Promise<string | undefined> {
    const ids = drafts.map(({ kind, metadata }) => `${kind} ${metadata.name ?? metadata.generateName}`);
    const twice = ids.find((id, index) => ids.indexOf(id) !== index);
    if (twice) return `${twice} is made twice`;
    const nowhere = leadsNowhere(drafts);
    if (nowhere) return nowhere;
    const all = drafts.flatMap((draft) => [draft, ...followUps(draft)]);
    return (await Promise.all(all.map(refusalOf))).find((it) => it !== undefined);
  }

  for (const kind of workloadKinds) {
    it(`of a ${kind.kind} has children that a real API server accepts`, async (t) => {
      const random = new Random(seed * 1000 + kind.plural.length);
      const wild = new Wild(random);
      const count = { admitted: 0, refused: 0 };
      const broken = new Map<string, string>();
      for (let round = 0; round < rounds; round++) {
        const spec = wild.mutated(kind.specSchema, usual[kind.kind]!(random), random.int(0, 3));
        const owner = {
          apiVersion: kind.apiVersion,
          kind: kind.kind,
          spec,
          metadata: { name: nameOf(random), namespace, uid: `uid-${round}`, resourceVersion: '1' },
        } as unknown as Owner;
        if (kind.validate(owner)) continue;
        const answer = admitted(kind, owner);
        if ('refusal' in answer) {
          count.refused++;
          continue;
        }
        count.admitted++;
        const refusal = await firstRefusal(childrenOf(kind, answer.owner, random));
        if (!refusal) continue;
        const known = refusal.replace(/n{30,}|x{20,}|a{20,}/g, '~').slice(0, 300);
        if (!broken.has(known)) broken.set(known, JSON.stringify(answer.owner.spec).slice(0, 1500));
      }
      t.diagnostic(`${count.admitted} admitted, ${count.refused} refused`);
      const examples = [...broken]
        .slice(0, Number(process.env.SHOW ?? 5))
        .map(([refusal, spec]) => `${refusal}\n  ${spec}`);
      assert.equal(broken.size, 0, `${broken.size} kinds of refusals:\n${examples.join('\n')}`);
      assert.ok(count.admitted > rounds / 10, `only ${count.admitted} of ${rounds} were let in`);
    });
  }
});
