// The admission application with a small API server around it, in one process: objects are created, changed
// and deleted as Kubernetes does it (mutate, patch, strategy, validate, store), each call through supertest.
// What the API server itself refuses (schemas, conflicts) is left out, so that our own rules are reached.

import { createServer, type Server } from 'node:http';
import type { Express } from 'express';
import supertest from 'supertest';
import { inUseFinalizer } from '../../src/api/names.ts';
import { defaultNodePorts } from '../../src/api/node-ports.ts';
import { defaultReach } from '../../src/api/reach.ts';
import type { AdmissionResponse, AdmissionReview } from '../../src/kube/admission.ts';
import { TokenBuckets } from '../../src/kube/event-limits.ts';
import { Catalogue, type SaleCaches } from '../../src/ledger/catalogue.ts';
import { Gate } from '../../src/ledger/gate.ts';
import { GoodsWriter } from '../../src/ledger/goods-writer.ts';
import { noLedgerMetrics } from '../../src/ledger/ports.ts';
import { type Log, silentLog } from '../../src/runtime/log.ts';
import { type AppOptions, createApp } from '../../src/server/app.ts';
import type { BodyBudget } from '../../src/server/body-budget.ts';
import type { CallerCheck } from '../../src/server/callers.ts';
import type { AdmissionContext } from '../../webhooks/context.ts';
import { registry as everything, mutatePath, validatePath } from '../../webhooks/registry.ts';
import type { Manifest, Step } from '../refusals.ts';
import { filledIn } from '../refusals.ts';
import { SimulatedClock } from '../simulated-clock.ts';
import { applyPatch } from './apply-patch.ts';
import { MemoryStore } from './memory-store.ts';
import { type ReviewOptions, review } from './reviews.ts';
import { kindOf, merge, type Thing } from './things.ts';

/** Where every test begins. */
const start = Date.UTC(2026, 0, 1);
export const at = (ms: number): string => new Date(start + ms).toISOString();
export const minute = 60_000;
export const day = 86_400_000;

export type Outcome = {
  response: AdmissionResponse;
  /** What is stored now; undefined when it was refused, or a dry run, or is gone. */
  object: Thing | undefined;
};

export interface How {
  dryRun?: boolean;
  user?: string;
  /** false: the object reaches the store but no cache yet, as after a slow watch. */
  seen?: boolean;
  /** What another webhook changes between our defaults and our rules: a merge patch. */
  meddled?: object;
  uid?: string;
}

const namespace = 'default';

export class World {
  readonly clock = new SimulatedClock(start);
  readonly store = new MemoryStore();
  readonly caches = this.store.caches;
  readonly paymentWindowMs = 5 * minute;
  /** Whether the caches are filled. */
  isInformed = true;
  /** Requests that came and are not answered yet. */
  inFlight = 0;
  /** As the default settings have them. */
  readonly looks = new TokenBuckets(this.clock, 100, 200, 50);
  /** Rules that threw. */
  panics = 0;
  /** Callers that were refused, and why. */
  readonly strangers: string[] = [];
  /** Decisions that were counted: kind, operation, reason. */
  readonly decided: string[] = [];
  /** Live reads of orders by admission. */
  liveReads = 0;
  readonly app: Express;
  readonly server: Server;
  readonly context: AdmissionContext;
  #made = 0;
  readonly #pathPrefix: string;

  constructor({
    registry = everything,
    log = silentLog,
    callers,
    onCaller,
    budget,
    webhookAt,
    pathPrefix = '',
  }: {
    registry?: typeof everything;
    log?: Log;
    callers?: CallerCheck;
    onCaller?: AppOptions['onCaller'];
    budget?: BodyBudget;
    webhookAt?: AppOptions['webhookAt'];
    /** What this world's own calls put before a webhook's path. */
    pathPrefix?: string;
  } = {}) {
    this.#pathPrefix = pathPrefix;
    const writer = new GoodsWriter({
      store: this.store.goods,
      clock: this.clock,
      random: () => 0,
      metrics: noLedgerMetrics,
    });
    this.context = {
      catalogue: new Catalogue(this.caches as unknown as SaleCaches),
      isInformed: () => this.isInformed,
      gate: new Gate({
        writer,
        clock: this.clock,
        random: () => 0,
        isStored: (uid) => this.all('SpikeOrder').some(({ metadata }) => metadata.uid === uid),
      }),
      clock: this.clock,
      newId: () => this.#uuid('1d'),
      looks: this.looks,
      live: {
        orderIsStored: async (ns, name) => {
          this.liveReads++;
          return this.store.get(`spikeorders/${ns}/${name}`) !== undefined;
        },
        refresh: async (kind, ns, name) => {
          this.liveReads++;
          return this.store.show(`${kind === 'goods' ? 'spikegoods' : kind}/${ns}/${name}`);
        },
        markInUse: async (_kind, object, alike) => {
          const { kind, metadata } = object as Thing;
          const named = this.get(kind, metadata.name);
          for (const { metadata } of alike ? this.all(kind) : named ? [named] : []) {
            await this.patch(kind, metadata.name, {
              metadata: { finalizers: markedBy(metadata.finalizers) },
            });
          }
        },
      },
      policy: { paymentWindowMs: this.paymentWindowMs, reach: defaultReach, nodePorts: defaultNodePorts },
    };
    this.app = createApp({
      ...(callers ? { callers } : {}),
      ...(onCaller ? { onCaller } : {}),
      ...(budget ? { budget } : {}),
      ...(webhookAt ? { webhookAt } : {}),
      registry,
      context: this.context,
      log,
      metrics: {
        route: () => ({ began: () => void this.inFlight++, ended: () => void this.inFlight-- }),
        decisions: (kind) => (operation, reason) =>
          void this.decided.push([kind, operation, reason ?? 'Accepted'].join(' ')),
        limited: () => {},
        panicked: () => void this.panics++,
        refusedCaller: (why) => void this.strangers.push(why),
      },
      readiness: async () => [],
      isRefusing: () => false,
    });
    // Without an address it listens at once; supertest would start and stop a server that does not yet.
    this.server = createServer(this.app).listen(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  /** One call of a webhook; the answer's shape and the echo of the uid are checked on every one. */
  async call(path: string, asked: AdmissionReview): Promise<AdmissionResponse> {
    const answer = await supertest(this.server).post(`${this.#pathPrefix}${path}?timeout=10s`).send(asked);
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`);
    const { apiVersion, kind, response } = answer.body;
    if (apiVersion !== 'admission.k8s.io/v1' || kind !== 'AdmissionReview') throw new Error(answer.text);
    if (response.uid !== asked.request.uid) throw new Error(`uid ${response.uid} is not echoed`);
    return response;
  }

  mutate = (options: ReviewOptions) => this.call(mutatePath(options.kind), review(options));
  validate = (options: ReviewOptions) => this.call(validatePath(options.kind), review(options));

  get(kindName: string, name: string): Thing | undefined {
    return this.store.get(`${kindOf(kindName).plural}/${namespace}/${name}`);
  }

  all(kindName: string): Thing[] {
    return this.store.all(kindOf(kindName).plural);
  }

  /** POST. A manifest without a name has a generateName, and gets its name after our defaults. */
  async create(manifest: Manifest, how: How = {}): Promise<Outcome> {
    const kind = kindOf(manifest.kind);
    const sent = structuredClone(manifest) as Thing;
    sent.metadata.namespace ??= namespace;
    const asked = { kind, operation: 'CREATE', ...flagsOf(how) } as const;
    const filled = await this.#filled({ ...asked, object: sent }, how);
    if (!filled.object) return filled;
    const { status: _dropped, ...object } = filled.object;
    object.metadata = {
      ...object.metadata,
      name: object.metadata.name ?? `${object.metadata.generateName}x${++this.#made}`,
      uid: how.uid ?? this.#uuid('0b'),
      creationTimestamp: `${this.#iso().slice(0, 19)}Z`,
      generation: 1,
    };
    const response = await this.validate({ ...asked, object });
    if (response.allowed && this.get(manifest.kind, object.metadata.name)) {
      throw new Error(`409: ${object.metadata.name} already exists`);
    }
    return this.#stores(response, object, how);
  }

  /** PATCH with a JSON merge patch. */
  async patch(kindName: string, name: string, change: object, how: How = {}): Promise<Outcome> {
    return this.replace(merge(this.#mustGet(kindName, name), change), how);
  }

  /** PUT. The status stays as it is. */
  async replace(object: Thing, how: How = {}): Promise<Outcome> {
    const kind = kindOf(object.kind);
    const oldObject = this.#mustGet(object.kind, object.metadata.name);
    const asked = { kind, operation: 'UPDATE', oldObject, ...flagsOf(how) } as const;
    // What a client leaves out of metadata is gone, but for what is the server's.
    const { uid, namespace, resourceVersion, generation, creationTimestamp, deletionTimestamp } =
      oldObject.metadata;
    const servers = { uid, namespace, resourceVersion, generation, creationTimestamp, deletionTimestamp };
    const sent = defined({ ...object, metadata: { ...object.metadata, ...servers } }) as Thing;
    const filled = await this.#filled({ ...asked, object: sent }, how);
    if (!filled.object) return filled;
    const next = { ...filled.object };
    if (oldObject.status) next.status = oldObject.status;
    else delete next.status;
    const response = await this.validate({ ...asked, object: next });
    return this.#stores(response, next, how);
  }

  /** PATCH of the status subresource, as our reconcilers and administrators may. */
  async patchStatus(
    kindName: string,
    name: string,
    status: object,
    how: How & { spec?: object } = {},
  ): Promise<Outcome> {
    const kind = kindOf(kindName);
    const oldObject = this.#mustGet(kindName, name);
    const object = merge(oldObject, { status, ...(how.spec ? { spec: how.spec } : {}) });
    const asked = { kind, operation: 'UPDATE', oldObject, subResource: 'status', ...flagsOf(how) } as const;
    const filled = await this.#filled({ ...asked, object }, how);
    if (!filled.object) return filled;
    const next = { ...filled.object, spec: oldObject.spec };
    const response = await this.validate({ ...asked, object: next });
    return this.#stores(response, next, how);
  }

  /** DELETE of one object, or of each of a collection (then the request has no name). */
  async delete(kindName: string, name: string, how: How & { collection?: boolean } = {}): Promise<Outcome> {
    const outcome = await this.deleteOnce(kindName, name, how);
    // As client-go does with what may succeed a moment later.
    return outcome.response.status?.code === 429 ? this.deleteOnce(kindName, name, how) : outcome;
  }

  /** The same, by a client that does not try again. */
  async deleteOnce(
    kindName: string,
    name: string,
    how: How & { collection?: boolean } = {},
  ): Promise<Outcome> {
    const kind = kindOf(kindName);
    const oldObject = this.#mustGet(kindName, name);
    const named = how.collection ? { name: '' } : {};
    const response = await this.validate({
      kind,
      operation: 'DELETE',
      oldObject,
      ...named,
      ...flagsOf(how),
    });
    if (!response.allowed || how.dryRun) return { response, object: undefined };
    const { finalizers = [] } = oldObject.metadata;
    const deletionTimestamp = `${this.#iso().slice(0, 19)}Z`;
    const object = { ...oldObject, metadata: { ...oldObject.metadata, deletionTimestamp } };
    if (finalizers.length > 0) return this.#stores(response, object, how);
    this.store.remove(object);
    return { response, object: undefined };
  }

  /** One step of a scenario that the end-to-end tests share. */
  async run(asked: Step): Promise<Outcome | undefined> {
    const step = await filledIn(asked, (kind, name) => this.get(kind, name));
    const how = 'meddled' in step && step.meddled ? { meddled: step.meddled } : {};
    if ('create' in step) return this.create(step.create, how);
    if ('patch' in step) return this.patch(step.patch.kind, step.patch.name, step.patch.with, how);
    if ('status' in step) return this.patchStatus(step.status.kind, step.status.name, step.status.with);
    if ('delete' in step) return this.delete(step.delete.kind, step.delete.name);
    if ('bypass' in step) this.bypass(step.bypass);
    else await this.clock.advance(this.paymentWindowMs);
    return undefined;
  }

  /** Stores an object past every webhook, as when admission was off. */
  bypass(manifest: Manifest, more: { metadata?: object; spec?: object; status?: object } = {}): Thing {
    const { metadata, ...rest } = more;
    const object = structuredClone({ ...manifest, ...rest }) as Thing;
    object.metadata = {
      ...object.metadata,
      namespace,
      uid: this.#uuid('0b'),
      creationTimestamp: this.#iso(),
      resourceVersion: this.store.nextRevision(),
      ...metadata,
    };
    this.store.put(object, true);
    return object;
  }

  terminate(): void {
    const metadata = { name: namespace, uid: 'n', resourceVersion: '1', creationTimestamp: at(0) };
    const status = { phase: 'Terminating' };
    this.caches.namespaces.put({ apiVersion: 'v1', kind: 'Namespace', metadata, status });
  }

  async #filled(
    options: ReviewOptions,
    how: How,
  ): Promise<{ response: AdmissionResponse; object: Thing | undefined }> {
    const response = await this.mutate(options);
    if (!response.allowed) return { response, object: undefined };
    const patch = response.patch ? JSON.parse(Buffer.from(response.patch, 'base64').toString()) : [];
    const object = applyPatch(options.object as Thing, patch);
    return { response, object: how.meddled ? merge(object, how.meddled) : object };
  }

  #stores(response: AdmissionResponse, object: Thing, how: How): Outcome {
    if (!response.allowed || how.dryRun) return { response, object: undefined };
    object.metadata = { ...object.metadata, resourceVersion: this.store.nextRevision() };
    const { deletionTimestamp, finalizers = [] } = object.metadata;
    if (deletionTimestamp && finalizers.length === 0) {
      this.store.remove(object);
      return { response, object: undefined };
    }
    this.store.put(object, how.seen !== false);
    return { response, object };
  }

  #mustGet(kindName: string, name: string): Thing {
    const found = this.get(kindName, name);
    if (!found) throw new Error(`404: no ${kindName} ${name}`);
    return found;
  }

  #uuid(prefix: string): string {
    return `${prefix}000000-0000-4000-8000-${(++this.#made).toString(16).padStart(12, '0')}`;
  }

  #iso(): string {
    return new Date(this.clock.now()).toISOString();
  }
}

/** JSON has no undefined. */
const defined = <T extends object>(object: T): T => JSON.parse(JSON.stringify(object));

const markedBy = (finalizers: string[] = []): string[] => [...new Set([...finalizers, inUseFinalizer])];

function flagsOf({ dryRun, user }: How): { dryRun?: boolean; user?: string } {
  return { ...(dryRun ? { dryRun } : {}), ...(user ? { user } : {}) };
}
