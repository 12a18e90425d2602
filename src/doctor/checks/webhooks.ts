// Checks the webhook configurations, the Service behind them, and whether they answer.
import { registryOf } from '../../../webhooks/registry.ts';
import { describe, isInTheWay, isOwn } from '../../manifests/installations.ts';
import { webhookConfigurations } from '../../manifests/webhook-configurations.ts';
import { differences } from '../differences.ts';
import type { Check, Finding, Unchecked } from '../findings.ts';
import { type Observation, valueIn, type WebhookConfiguration, type WebhookEntry } from '../observation.ts';
import { lookAtPods, lookAtServer, reinstall } from '../remedies.ts';
import { firstEntry, withoutSecret } from '../webhook-entries.ts';

export const configurationsAreCurrent: Check = {
  name: 'both webhook configurations are there and of this version',
  run(seen) {
    const wanted = webhookConfigurations(registryOf(seen.expected.parts), {
      target: targetOf(seen),
      namespace: seen.expected.namespace,
      namespaces: seen.expected.namespaces,
      name: seen.expected.configuration,
    }) as unknown as WebhookConfiguration[];
    return (['mutating', 'validating'] as const).flatMap((which) => {
      const kind = `${which === 'mutating' ? 'Mutating' : 'Validating'}WebhookConfiguration`;
      return judge(kind, seen, seen[which], wanted.find((it) => it.kind === kind)!);
    });
  },
};

/** Takes the URL, or the port of the Service, from the stored configuration: both may differ, so they are no finding. */
function targetOf(seen: Observation) {
  const { url, service } = firstEntry(seen)?.clientConfig ?? {};
  if (url && URL.canParse(url)) return { url: new URL(url).origin };
  const { namespace, service: name } = seen.expected;
  return { service: { namespace, name, ...(service?.port ? { port: service.port } : {}) } };
}

function judge(
  kind: string,
  seen: Observation,
  found: Observation['mutating'],
  wanted: WebhookConfiguration,
): (Finding | Unchecked)[] {
  const where = `${kind.toLowerCase()}/${seen.expected.configuration}`;
  if ('unreadable' in found) return [{ unchecked: `${where}: ${found.unreadable}` }];
  const remedy = reinstall(seen);
  if ('missing' in found) {
    const what = 'it is not there: nothing is checked and no stock is held before orders are stored';
    return [{ severity: 'error', reason: 'ConfigurationMissing', where, what, remedy }];
  }
  const deviations = (wanted.webhooks ?? []).flatMap((entry) => deviationsFrom(entry, found.value));
  if (deviations.length === 0) return [];
  const more = deviations.length > 5 ? `; and ${deviations.length - 5} more` : '';
  const what = deviations.slice(0, 5).join('; ') + more;
  return [{ severity: 'error', reason: 'ConfigurationOutdated', where, what, remedy }];
}

function deviationsFrom(wanted: WebhookEntry, { webhooks = [] }: WebhookConfiguration): string[] {
  const stored = webhooks.find(({ name }) => name === wanted.name);
  if (!stored) return [`the webhook ${wanted.name} must be there`];
  // `serve` puts a secret token into the path of the URL. The report must not show it.
  return differences(wanted, withoutSecret(stored), { extras: 'allowed', path: wanted.name });
}

/** Two installations for the same objects would both judge every order, and both hold its stock. */
export const installationIsAlone: Check = {
  name: 'this cluster has one Spikegate',
  run({ installations, expected }) {
    if ('unreadable' in installations)
      return [{ unchecked: `other installations: ${installations.unreadable}` }];
    const others = (valueIn(installations) ?? []).filter(
      (it) => !isOwn(it, expected) && isInTheWay(it, expected),
    );
    return others.map((it) => ({
      severity: 'error',
      reason: 'AnotherInstallation',
      where: `mutatingwebhookconfiguration/${it.configuration}`,
      what: `another Spikegate is installed: ${describe(it)}; both judge every order`,
      remedy: it.release
        ? `helm uninstall ${it.release.name} --namespace ${it.release.namespace}`
        : `spikegate uninstall --name ${it.configuration}${it.service ? ` --namespace ${it.service.namespace}` : ''}`,
    }));
  },
};

export const serviceHasEndpoints: Check = {
  name: 'the Service of the webhooks is there, with pods that are ready behind it',
  run(seen) {
    if (!seen.service) return [];
    const { name, object, endpoints } = seen.service;
    const [namespace, service] = name.split('/');
    const where = `service/${name}`;
    if ('unreadable' in object) return [{ unchecked: `${where}: ${object.unreadable}` }];
    if ('missing' in object) {
      const what = 'the webhooks name it and it is not there, so every write of a sale is refused';
      const remedy = `kubectl -n ${namespace} get services   # then: kubectl apply -k manifests/overlays/self-signed`;
      return [{ severity: 'error', reason: 'ServiceMissing', where, what, remedy }];
    }
    if ('unreadable' in endpoints)
      return [{ unchecked: `endpointslices of ${name}: ${endpoints.unreadable}` }];
    const all = (valueIn(endpoints) ?? []).flatMap((slice) => slice.endpoints ?? []);
    // An endpoint that does not say `ready` counts as ready.
    if (all.some(({ conditions }) => conditions?.ready !== false)) return [];
    const what = `it has no endpoint that is ready (${all.length} not ready), so every write of a sale is refused`;
    const remedy = `kubectl -n ${namespace} describe service ${service}; ${lookAtPods(seen)}`;
    return [{ severity: 'error', reason: 'ServiceWithoutEndpoints', where, what, remedy }];
  },
};

export const webhooksAnswer: Check = {
  name: 'a dry run of every kind reaches its webhooks',
  run(seen) {
    const byCause = new Map<string, string[]>();
    const outcomes: (Finding | Unchecked)[] = [];
    for (const { kind, outcome } of seen.answers) {
      if (outcome.is === 'failed') {
        byCause.set(outcome.cause, [...(byCause.get(outcome.cause) ?? []), outcome.webhook]);
      } else if (outcome.is === 'unclear') {
        outcomes.push({ unchecked: `dry run of ${kind}: ${outcome.why}` });
      } else if (outcome.is === 'unseen') {
        outcomes.push({
          severity: 'error',
          reason: 'WebhookNotCalled',
          where: `webhooks of ${kind}`,
          what: `a dry run in namespace ${seen.expected.probeNamespace} is not seen by them: ${outcome.missing}`,
          remedy: `kubectl get namespace ${seen.expected.probeNamespace} --show-labels; ${reinstall(seen)}`,
        });
      }
    }
    for (const [cause, webhooks] of byCause) {
      outcomes.push({
        severity: 'error',
        reason: 'WebhookNotAnswering',
        where: `webhook ${webhooks.join(', ')}`,
        what: `the API server cannot call it: ${cause}`,
        remedy: remedyFor(cause, seen),
      });
    }
    return outcomes;
  },
};

/** Patterns for what the API server says when it cannot call a webhook, each with its remedy. The first match counts. */
const remedies: [RegExp, (seen: Observation) => string][] = [
  [/x509|certificate/i, (seen) => `${lookAtServer(seen)}   # see the findings about certificates`],
  [/no endpoints available|connection refused|EOF|connection reset/i, lookAtServer],
  [
    /deadline exceeded|timeout/i,
    (seen) =>
      `kubectl -n ${seen.expected.namespace} get networkpolicies,pods -o wide   # the API server must reach the pods' port`,
  ],
  [/not found|could not find/i, reinstall],
];

function remedyFor(cause: string, seen: Observation): string {
  return (remedies.find(([pattern]) => pattern.test(cause))?.[1] ?? lookAtServer)(seen);
}
