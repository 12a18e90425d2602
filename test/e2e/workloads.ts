// Hands for the scenarios of the workload kinds: children by kind and name, definitions that come and go, a kubelet
// where the target has none. Knows no kind of ours.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import {
  type CustomResourceDefinition,
  definitions,
  discover,
  resourceIn,
} from '../../src/kube/discovery.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import type { Draft, KubeObject, Resource } from '../../src/kube/objects.ts';
import { autoscalers, type ChildKind, disruptionBudgets } from '../../src/workloads/child-kinds.ts';
import { startKubelet } from './kubelet.ts';
import { eventually, type World } from './world.ts';

/** An object read loosely: tests look at fields, not at types. */
export type Loose = KubeObject & {
  // biome-ignore lint/suspicious/noExplicitAny: any field of any kind
  [field: string]: any;
};

const samples = join(import.meta.dirname, '..', '..', 'manifests', 'samples');

/** The object of one kind in a sample, as a person would apply it to a namespace of their own. */
export const sample = (file: string, kind: string): Promise<Loose> => objectIn(join(samples, file), kind);

/** The same of a sample of the operator that came before, as its users have it. */
export const seedSample = (file: string, kind: string): Promise<Loose> =>
  objectIn(join(import.meta.dirname, 'seeds', file), kind);

async function objectIn(file: string, kind: string): Promise<Loose> {
  const text = await readFile(file, 'utf8');
  const found = parseAllDocuments(text)
    .map((document) => document.toJS() as Loose)
    .find((it) => it.kind === kind);
  assert.ok(found, `no ${kind} in ${file}`);
  return found;
}

export class Workloads {
  readonly world: World;
  readonly namespace: string;
  /** Of kinds that differ from one Kubernetes to the next. */
  readonly #versions = new Map<ChildKind, string>([[autoscalers, 'v1']]);

  private constructor(world: World, namespace: string) {
    this.world = world;
    this.namespace = namespace;
  }

  /** A namespace of its own, and a replica that reconciles; pods become ready on any target. */
  static async run(world: World, scenario: (it: Workloads) => Promise<void>): Promise<void> {
    await world.serve(1);
    const kubelet = world.target.name === 'control-plane' ? await startKubelet(world.client) : undefined;
    try {
      const it = new Workloads(world, await world.namespace());
      const budgets = await discover(world.client, disruptionBudgets);
      it.#versions.set(disruptionBudgets, budgets?.version ?? 'v1');
      await scenario(it);
    } finally {
      await kubelet?.stop();
    }
  }

  resource(kind: ChildKind): Resource<Loose> {
    return resourceIn(kind, this.#versions.get(kind) ?? kind.versions[0]!) as Resource<Loose>;
  }

  async create(resource: Resource, object: object): Promise<Loose> {
    const { metadata, ...rest } = object as Loose;
    const draft = {
      ...rest,
      metadata: { ...metadata, namespace: this.namespace },
    } as unknown as Draft<Loose>;
    return this.world.client.create(resource as Resource<Loose>, draft);
  }

  get(kind: ChildKind, name: string): Promise<Loose> {
    return this.world.client.get(this.resource(kind), { namespace: this.namespace, name });
  }

  read(resource: Resource, name: string): Promise<Loose> {
    return this.world.client.get(resource as Resource<Loose>, { namespace: this.namespace, name });
  }

  patch(resource: Resource, name: string, patch: object, subresource?: string): Promise<Loose> {
    const key = { namespace: this.namespace, name };
    const options = { type: 'merge' as const, ...(subresource ? { subresource } : {}) };
    return this.world.client.patch(resource as Resource<Loose>, key, patch, options);
  }

  async names(kind: ChildKind): Promise<string[]> {
    const { items } = await this.world.client.list(this.resource(kind), { namespace: this.namespace });
    return items
      .filter(({ metadata }) => !metadata.deletionTimestamp)
      .map(({ metadata }) => metadata.name)
      .sort();
  }

  async isGone(kind: ChildKind, name: string): Promise<boolean> {
    try {
      return (await this.get(kind, name)).metadata.deletionTimestamp !== undefined;
    } catch (error) {
      if (isNotFound(error)) return true;
      throw error;
    }
  }

  /** Waits for a condition of an object. */
  condition(resource: Resource, name: string, type: string, status: string, about?: RegExp): Promise<Loose> {
    return eventually(async () => {
      const object = await this.read(resource, name);
      const found = object.status?.conditions?.find((it: { type: string }) => it.type === type);
      assert.equal(found?.status, status, `${type}: ${JSON.stringify(found)}`);
      assert.equal(found.observedGeneration, object.metadata.generation, `${type} is of an old generation`);
      if (about) assert.match(found.message, about);
      return object;
    }, 30_000);
  }

  ready(resource: Resource, name: string): Promise<Loose> {
    return this.condition(resource, name, 'Ready', 'True');
  }

  /** Installs a kind that takes any object, as far as the API server cares; it is gone again after `during`. */
  async withDefinition(kind: ChildKind, during: () => Promise<void>): Promise<void> {
    const { group, plural, versions } = kind;
    const name = `${plural}.${group}`;
    const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name },
      spec: {
        group,
        scope: 'Namespaced',
        names: { kind: kind.kind, plural, singular: kind.kind.toLowerCase(), listKind: `${kind.kind}List` },
        versions: [{ name: versions[0], served: true, storage: true, schema: { openAPIV3Schema } }],
      },
    } as unknown as Draft<CustomResourceDefinition>;
    await this.world.client.create(definitions, definition);
    try {
      await during();
    } finally {
      await this.world.client.delete(definitions, { name });
      await eventually(async () => assert.ok(await this.world.isGone(definitions, '', name)), 45_000);
    }
  }
}
