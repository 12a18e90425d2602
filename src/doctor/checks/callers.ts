// Checks who can call the webhooks: the secret in their path, and the client certificate of the API server.
import { registry } from '../../../webhooks/registry.ts';
import { webhookPaths } from '../../manifests/webhook-configurations.ts';
import type { Check } from '../findings.ts';
import { valueIn } from '../observation.ts';
import { lookAtPods } from '../remedies.ts';
import { entriesOf, pathBehindSecret } from '../webhook-entries.ts';

export const pathsAreSecret: Check = {
  name: 'the path of each webhook has the secret that serve makes',
  run(seen) {
    const wanted = webhookPaths(registry);
    const wrong = entriesOf(seen).filter((entry) => {
      const path = wanted.get(entry.name);
      return path !== undefined && pathBehindSecret(entry) !== path;
    });
    if (wrong.length === 0) return [];
    return [
      {
        severity: 'error',
        reason: 'WebhookPathWithoutSecret',
        where: `webhook ${wrong.map(({ name }) => name).join(', ')}`,
        what: 'its path must be /SECRET/verb-kind as serve writes it, and is not, so serve refuses every call',
        remedy: `${lookAtPods(seen)}   # serve may not write the webhook configurations, or another program overwrites them`,
      },
    ];
  },
};

/** Flag of the API server: with it, the API server can present a client certificate. */
const presentsFlag = '--admission-control-config-file';
/** Flag of `serve`: with it, serve requires a client certificate. */
const requiresFlag = '--client-ca-file';

export const callersAreCertified: Check = {
  name: 'the webhooks require the client certificate that the API server can present',
  run({ apiServers, deployments, expected }) {
    // Only a self-managed cluster shows its API servers as pods. Without those pods there is no finding: their flags
    // are unknown.
    const canPresent = (valueIn(apiServers) ?? []).filter(({ spec }) =>
      spec.containers.some(({ command = [], args = [] }) =>
        [...command, ...args].some((flag) => flag.startsWith(presentsFlag)),
      ),
    );
    const uncertified = (valueIn(deployments) ?? []).filter(({ spec }) => {
      const serving = (spec.template?.spec?.containers ?? []).filter(({ args = [] }) =>
        args.includes('serve'),
      );
      return serving.some(({ args = [] }) => !args.some((flag) => flag.startsWith(requiresFlag)));
    });
    if (canPresent.length === 0) return [];
    return uncertified.map(({ metadata: { namespace, name } }) => ({
      severity: 'warning',
      reason: 'CallersUncertified',
      where: `deployment/${namespace}/${name}`,
      what: `pod ${canPresent[0]!.metadata.name} has ${presentsFlag}, so the API server can present a client certificate, and serve requires none`,
      remedy: `see "Only the API server calls" in docs/security.md; then: helm upgrade --reuse-values --set callers.authorities=CONFIGMAP -n ${expected.namespace} …`,
    }));
  },
};
