// Two installations on one cluster: the second refuses, one that takes over makes the other stop, and a mistake never
// stops the one that works.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client } from '../../../src/kube/client.ts';
import type { Resource } from '../../../src/kube/objects.ts';
import {
  AnotherInstallationError,
  installationsOf,
  describe as inWords,
  rivalsOf,
  takesOverLabel,
  type WebhookConfiguration,
} from '../../../src/manifests/installations.ts';
import { namesOf } from '../../../src/manifests/names.ts';
import { InstallationGuard } from '../../../src/process/installation.ts';
import { silentLog } from '../../../src/runtime/log.ts';
import { defaultServeSettings } from '../../../src/settings/options.ts';
import { SimulatedClock } from '../../simulated-clock.ts';

interface Made {
  namespace: string;
  created?: string;
  release?: string;
  takesOver?: boolean;
  url?: string;
}

/** Both configurations, as the API server has them. */
function configurations(name: string, made: Made): WebhookConfiguration[] {
  const { namespace, created = '2026-01-01T00:00:00Z', release, takesOver, url } = made;
  const annotations = release
    ? { 'meta.helm.sh/release-name': release, 'meta.helm.sh/release-namespace': namespace }
    : {};
  const metadata = {
    name,
    uid: name,
    resourceVersion: '1',
    creationTimestamp: created,
    annotations,
    labels: takesOver ? { [takesOverLabel]: 'true' } : {},
  };
  const clientConfig = url ? { url } : { service: { namespace, name: namesOf(name).service } };
  const object = { apiVersion: 'admissionregistration.k8s.io/v1', metadata, webhooks: [{ clientConfig }] };
  return ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'].map((kind) => ({
    ...object,
    kind,
  }));
}

const own = { ...namesOf('spikegate'), namespace: 'a' };
const older = '2025-12-31T00:00:00Z';
const newer = '2026-01-02T00:00:00Z';

describe('installations of one cluster', () => {
  const rivals = (found: WebhookConfiguration[], takeOver = false) =>
    rivalsOf(installationsOf(found), own, takeOver).map(({ configuration }) => configuration);
  const mine = (more: Partial<Made> = {}) => configurations('spikegate', { namespace: 'a', ...more });
  const other = (more: Partial<Made> = {}) => configurations('shop-spikegate', { namespace: 'b', ...more });

  it('is alone where there is none besides', () => {
    assert.deepEqual(rivals([]), []);
    assert.deepEqual(rivals(mine()), []);
  });

  it('refuses where another was first', () => {
    assert.deepEqual(rivals(other()), ['shop-spikegate']);
    assert.deepEqual(rivals([...mine(), ...other({ created: older })]), ['shop-spikegate']);
  });

  it('goes on where another came later', () => {
    assert.deepEqual(rivals([...mine(), ...other({ created: newer })]), []);
  });

  it('goes on where it takes over, and refuses where the other does', () => {
    assert.deepEqual(rivals(other(), true), []);
    assert.deepEqual(rivals([...mine({ takesOver: true }), ...other({ created: older })]), []);
    assert.deepEqual(rivals([...mine(), ...other({ created: newer, takesOver: true })]), ['shop-spikegate']);
  });

  it('takes a configuration of its name for its own only with its own Service, or a URL', () => {
    assert.deepEqual(rivals(mine({ namespace: 'elsewhere' })), ['spikegate']);
    assert.deepEqual(rivals(mine({ url: 'https://127.0.0.1:7443/x' })), []);
    const outside = { ...own, url: 'https://127.0.0.1:1' };
    assert.deepEqual(rivalsOf(installationsOf(mine()), outside, false).length, 1);
  });

  it('says the name and the namespace of the other', () => {
    const [found] = installationsOf(other({ release: 'shop' }));
    assert.equal(inWords(found!), 'release shop in namespace b (webhook configuration shop-spikegate)');
    const message = new AnotherInstallationError(installationsOf(other())).message;
    assert.match(message, /Service shop-spikegate-webhook in namespace b .*--take-over/);
  });
});

describe('a process', () => {
  const settings = { ...defaultServeSettings(), namespace: 'a' };

  function guarded(found: { now: WebhookConfiguration[] }, takeOver = false) {
    const clock = new SimulatedClock();
    const lost: string[] = [];
    const list = async ({ kind }: Resource) => ({ items: found.now.filter((it) => it.kind === kind) });
    const client = { list } as unknown as Client;
    const guard = new InstallationGuard({
      settings: { ...settings, takeOver },
      client,
      clock,
      log: silentLog,
      onLost: (why) => void lost.push(why),
    });
    return { guard, clock, lost };
  }

  it('does not start beside another', async () => {
    const { guard } = guarded({ now: configurations('shop-spikegate', { namespace: 'b' }) });
    await assert.rejects(guard.start(new AbortController().signal), AnotherInstallationError);
  });

  it('stops when another takes over, not when another only appears', async () => {
    const mine = configurations('spikegate', { namespace: 'a' });
    const found = { now: mine };
    const { guard, clock, lost } = guarded(found);
    await guard.start(new AbortController().signal);
    found.now = [...mine, ...configurations('shop-spikegate', { namespace: 'b', created: newer })];
    await clock.advance(60_000);
    assert.deepEqual(lost, []);
    const winner = { namespace: 'b', created: newer, takesOver: true };
    found.now = [...mine, ...configurations('shop-spikegate', winner)];
    await clock.advance(60_000);
    assert.match(lost.join(), /taken over: Service shop-spikegate-webhook in namespace b/);
    await guard.stop();
  });
});
