// Admission by webhooks: finds the webhooks of an operation, calls them, and turns their answers into a changed object
// or an error. It calls them over HTTPS as any cluster does, and knows no webhook in particular.

import type { ApiCall } from '../call.ts';
import { jsonPatch } from '../patch/json.ts';
import { apiVersionOf, type Registry, type ResourceType } from '../resources.ts';
import { type ApiError, badRequest, forbidden, internal } from '../status.ts';
import { parse } from '../store/entry.ts';
import type { Store } from '../store/store.ts';
import { asList, asNumber, asObj, asString, type Item, type Obj } from '../types.ts';
import type { WebhookClient } from './client.ts';
import { matchConditions } from './conditions.ts';
import { matchedVersion, namespaceSelected, objectSelected, type Target } from './match.ts';
import { denial, type ReviewFields, readVerdict, requestOf, reviewBody, type Verdict } from './review.ts';

export interface Attributes {
  type: ResourceType;
  operation: Target['operation'];
  subresource: string;
  namespace: string;
  /** Empty under generateName before the name is made, and on a collection delete. */
  name: string;
  call: ApiCall;
  object: Item | undefined;
  old: Item | undefined;
  /** The kind of `object`, when a subresource has its own kind: a Scale, an Eviction. */
  form?: { group: string; version: string; kind: string };
}

/** The answer of one webhook. The newest ones are kept. */
export interface AuditRecord {
  at: number;
  webhook: string;
  operation: string;
  resource: string;
  namespace: string;
  name: string;
  allowed: boolean;
  annotations: Record<string, string>;
}

const maxAuditRecords = 1000;
const tables = {
  mutating: 'admissionregistration.k8s.io/mutatingwebhookconfigurations',
  validating: 'admissionregistration.k8s.io/validatingwebhookconfigurations',
} as const;
type Phase = keyof typeof tables;

/**
 * Kinds for which no webhook is called. A review (SubjectAccessReview, TokenReview) stores nothing. Webhook
 * configurations must stay writable, so that people can repair them while a webhook is broken.
 */
const exempt = (type: ResourceType) =>
  type.group === 'admissionregistration.k8s.io' ||
  type.group === 'authorization.k8s.io' ||
  type.group === 'authentication.k8s.io';

export class Admission {
  readonly audit: AuditRecord[] = [];
  readonly #client: WebhookClient;
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #now: () => number;
  #configured: Partial<Record<Phase, Obj[]>> = {};

  constructor(store: Store, registry: Registry, now: () => number, client: WebhookClient) {
    this.#client = client;
    this.#store = store;
    this.#registry = registry;
    this.#now = now;
    store.onCommit((changes) => {
      const touched = (phase: Phase) => changes.some(({ entry }) => entry.table === tables[phase]);
      if (touched('mutating')) delete this.#configured.mutating;
      if (touched('validating')) delete this.#configured.validating;
    });
  }

  close(): void {
    this.#client.close();
  }

  /** Whether any webhook matches. */
  any(phase: Phase, attributes: Attributes): boolean {
    return this.#matching(phase, attributes).length > 0;
  }

  /**
   * Calls the webhooks one after the other. Each gets the result of the one before. Then calls those with
   * reinvocationPolicy IfNeeded again if a later webhook changed the object. `refine` runs on each patched object.
   */
  async mutate(attributes: Attributes, refine: (item: Item) => Item): Promise<Item | undefined> {
    const hooks = this.#matching('mutating', attributes);
    let lastChange = -1;
    const invoke = async (hook: Obj, index: number) => {
      const { verdict } = await this.#callWebhook(hook, attributes, true);
      if (!verdict?.patch || !attributes.object) return;
      const before = JSON.stringify(attributes.object);
      let patched: Item;
      try {
        patched = refine(jsonPatch(attributes.object, verdict.patch) as Item);
      } catch (error) {
        throw internal((error as Error).message);
      }
      if (JSON.stringify(patched) !== before) lastChange = index;
      attributes.object = patched;
    };
    for (const [index, hook] of hooks.entries()) await invoke(hook, index);
    const lastChangeOfFirstRound = lastChange;
    for (const [index, hook] of hooks.entries())
      if (hook.reinvocationPolicy === 'IfNeeded' && index < lastChangeOfFirstRound) await invoke(hook, index);
    return attributes.object;
  }

  /** Calls all webhooks side by side. The first denial in their order is the answer. */
  async validate(attributes: Attributes): Promise<void> {
    const hooks = this.#matching('validating', attributes);
    if (hooks.length === 0) return;
    const results = await Promise.allSettled(hooks.map((hook) => this.#callWebhook(hook, attributes, false)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  #hooks(phase: Phase): Obj[] {
    let hooks = this.#configured[phase];
    if (!hooks) {
      const entries = [...this.#store.table(tables[phase]).entries({ namespace: '', after: '' })];
      hooks = entries.flatMap((entry) => asList(parse(entry).webhooks));
      this.#configured[phase] = hooks;
    }
    return hooks;
  }

  #matching(phase: Phase, attributes: Attributes): Obj[] {
    const hooks = this.#hooks(phase);
    if (hooks.length === 0 || exempt(attributes.type)) return [];
    const target = this.#target(attributes);
    const labels = this.#namespaceLabels(attributes);
    return hooks.filter(
      (hook) =>
        matchedVersion(hook, target) !== undefined &&
        namespaceSelected(hook, labels) &&
        objectSelected(hook, attributes.object, attributes.old),
    );
  }

  #target({ type, operation, subresource }: Attributes): Target {
    const equivalents = () =>
      this.#registry
        .versions(type.group)
        .filter((v) => v !== type.version && this.#registry.get(type.group, v, type.plural) !== undefined);
    return {
      operation,
      group: type.group,
      version: type.version,
      plural: type.plural,
      subresource,
      namespaced: type.namespaced,
      equivalents,
    };
  }

  #namespaceLabels({ type, namespace, object, old }: Attributes): Record<string, string> | undefined {
    if (type.strategy.isNamespace) return (object ?? old)?.metadata.labels ?? {};
    if (!type.namespaced) return undefined;
    return this.#store.table('/namespaces').get(namespace)?.labels ?? {};
  }

  /** Calls one webhook. Throws its denial, or the error of a failing webhook according to its failure policy. */
  async #callWebhook(
    hook: Obj,
    attributes: Attributes,
    mutating: boolean,
  ): Promise<{ verdict: Verdict | undefined }> {
    const name = asString(hook.name);
    const { call } = attributes;
    if (!this.#meetsConditions(hook, attributes)) return { verdict: undefined };
    if (call.dryRun && hook.sideEffects !== 'None' && hook.sideEffects !== 'NoneOnDryRun')
      throw badRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`);
    let verdict: Verdict;
    try {
      const { uid, body } = this.#review(hook, attributes);
      const answer = await this.#client.post(
        asObj(hook.clientConfig),
        body,
        asNumber(hook.timeoutSeconds, 10),
      );
      verdict = readVerdict(answer, uid, mutating);
    } catch (error) {
      if (hook.failurePolicy === 'Ignore') return { verdict: undefined };
      throw internal(
        `failed calling webhook ${JSON.stringify(name)}: failed to call webhook: ${(error as Error).message}`,
      );
    }
    call.warnings.push(...verdict.warnings);
    this.#record(name, attributes, verdict);
    if (!verdict.allowed) throw denial(name, verdict.status) as ApiError;
    return { verdict };
  }

  /** Throws 403 when the evaluation of a condition fails and the failure policy is not Ignore. */
  #meetsConditions(hook: Obj, attributes: Attributes): boolean {
    const outcome = matchConditions(hook, () => {
      const { object = null, old: oldObject = null } = attributes;
      // The uid of the request is empty here, so that no expression can depend on it.
      return { request: requestOf(this.#fields(hook, attributes), ''), object, oldObject };
    });
    if ('matches' in outcome) return outcome.matches;
    if (hook.failurePolicy === 'Ignore') return false;
    const { type, name } = attributes;
    throw forbidden(type, name, outcome.error);
  }

  #review(hook: Obj, attributes: Attributes): { uid: string; body: string } {
    const { type, object, old, form } = attributes;
    const fields = this.#fields(hook, attributes);
    const { version } = fields.resource;
    const sentAs = { group: type.group, version };
    const text = (item: Item | undefined) => {
      if (!item) return 'null';
      return form || version === type.version
        ? JSON.stringify(item)
        : JSON.stringify({ ...item, apiVersion: apiVersionOf(sentAs) });
    };
    return reviewBody({ ...fields, object: text(object), oldObject: text(old) });
  }

  #fields(hook: Obj, attributes: Attributes): Omit<ReviewFields, 'object' | 'oldObject'> {
    const { type, call, form } = attributes;
    const version = matchedVersion(hook, this.#target(attributes)) ?? type.version;
    const sentAs = { group: type.group, version };
    return {
      kind: form ?? { ...sentAs, kind: type.kind },
      resource: { ...sentAs, resource: type.plural },
      requestKind: form ?? { group: type.group, version: type.version, kind: type.kind },
      requestResource: { group: type.group, version: type.version, resource: type.plural },
      subresource: attributes.subresource,
      name: attributes.name,
      namespace: attributes.namespace,
      operation: attributes.operation,
      user: call.user,
      dryRun: call.dryRun,
      options: call.options,
    };
  }

  #record(webhook: string, attributes: Attributes, verdict: Verdict): void {
    const { operation, type, namespace, object, old } = attributes;
    this.audit.push({
      at: this.#now(),
      webhook,
      operation,
      resource: type.plural + (attributes.subresource ? `/${attributes.subresource}` : ''),
      namespace,
      name: (object ?? old)?.metadata.name ?? attributes.name,
      allowed: verdict.allowed,
      annotations: verdict.auditAnnotations,
    });
    if (this.audit.length > maxAuditRecords * 2) this.audit.splice(0, maxAuditRecords);
  }
}
