// What the Deployment says about `serve` is what `serve` does, and a namespace with Pod Security "restricted" takes it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { servingNames } from '../../../certs/authority.ts';
import { certificates } from '../../../src/manifests/certificates.ts';
import * as deploy from '../../../src/manifests/deploy.ts';
import { deployment, version } from '../../../src/manifests/names.ts';
import { defaultServeSettings, withServeOptions } from '../../../src/settings/options.ts';
import { type ServeSettings, stopsWithinMs } from '../../../src/settings/serve.ts';

const root = join(import.meta.dirname, '..', '..', '..');
/** Between the moment a pod is told to stop and the moment no API server sends it requests any more, at the worst. */
const endpointLagMs = 5000;

// biome-ignore lint/suspicious/noExplicitAny: any field of a pod
const podOf = (manifest: any): any => manifest.spec.template.spec;
const pod = podOf(deploy.workload);
const [container] = pod.containers;

function settingsOf(args: string[]): ServeSettings {
  const [command, ...flags] = args;
  assert.equal(command, 'serve');
  return withServeOptions(new Command()).exitOverride().parse(flags, { from: 'user' }).opts();
}

test('the version is that of the package', () => {
  assert.equal(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version, version);
});

test('the flags are those of serve, and the ports those it listens on', () => {
  const { port, metricsPort, certs } = settingsOf(container.args);
  assert.deepEqual({ webhook: port, metrics: metricsPort }, deploy.ports);
  assert.equal(certs, 'self-signed');
  const [other] = podOf(deploy.workloadWithCertManager).containers;
  const files = settingsOf(other.args);
  assert.equal(files.certs, 'files');
  assert.equal(files.certDir, other.volumeMounts[0].mountPath);
});

test('a pod has the time to stop, and goes on answering for longer than endpoints lag', () => {
  const { drain } = defaultServeSettings();
  assert.ok(drain > endpointLagMs, `drain is ${drain} ms`);
  assert.ok(deploy.terminationGracePeriodSeconds * 1000 > stopsWithinMs(drain));
});

test('the names in the certificates are those of the Service', () => {
  const { service, namespace } = deployment;
  const names = servingNames(service, namespace);
  const serving = certificates(deployment).at(-1) as unknown as {
    spec: { dnsNames: string[]; secretName: string };
  };
  assert.ok(serving.spec.dnsNames.every((name) => names.includes(name)));
  assert.equal(serving.spec.dnsNames[0], `${service}.${namespace}.svc`);
  const [volume] = podOf(deploy.workloadWithCertManager).volumes;
  assert.equal(volume.secret.secretName, serving.spec.secretName);
});

test('Services do not become variables of the pods', () => {
  assert.equal(pod.enableServiceLinks, false);
});

// https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
test('the pods are fit for Pod Security "restricted"', () => {
  assert.equal(pod.securityContext.runAsNonRoot, true);
  assert.ok(pod.securityContext.runAsUser > 0);
  assert.equal(pod.securityContext.seccompProfile.type, 'RuntimeDefault');
  assert.equal(container.securityContext.allowPrivilegeEscalation, false);
  assert.equal(container.securityContext.readOnlyRootFilesystem, true);
  assert.deepEqual(container.securityContext.capabilities, { drop: ['ALL'] });
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) assert.equal(pod[field], undefined);
  assert.ok([...(podOf(deploy.workloadWithCertManager).volumes ?? [])].every((volume) => volume.secret));
});
