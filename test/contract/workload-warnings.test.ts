// What a person is told who creates a Seckill or a DataService that will be regretted: said, and not refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dataService } from '../refusals/data-service.ts';
import { seckill } from '../refusals/seckill.ts';
import type { Manifest } from '../refusals.ts';
import { World } from './world.ts';

const resources = { requests: { cpu: '1', memory: '1Gi' } };

async function warningsOf(manifest: Manifest): Promise<string> {
  await using world = new World();
  const { response } = await world.create(manifest);
  assert.equal(response.allowed, true, response.status?.message);
  return (response.warnings ?? []).join('\n');
}

const go = (more: object) =>
  seckill('s', { services: { goService: { enabled: true, image: 'go:1.0', resources, ...more } } });

test('a Seckill without fault has no warning', async () => {
  assert.equal(await warningsOf(go({})), '');
});

test('what a Seckill is warned of', async () => {
  assert.match(
    await warningsOf(go({ image: 'go:latest' })),
    /goService\.image: go:latest may be another image/,
  );
  assert.match(await warningsOf(go({ image: 'go' })), /goService\.image/);
  assert.equal(await warningsOf(go({ image: `go@sha256:${'a'.repeat(64)}` })), '');
  assert.match(await warningsOf(go({ resources: {} })), /requests has no cpu and no memory/);
  assert.match(
    await warningsOf(go({ env: [{ name: 'DB_PASSWORD', value: 'x' }] })),
    /env: DB_PASSWORD can be read/,
  );
  const scaling = {
    hpa: { enabled: true },
    keda: { enabled: true, kafkaScaler: { bootstrapServers: 'b:1', consumerGroup: 'g', topic: 't' } },
  };
  const both = go({});
  assert.match(
    await warningsOf({ ...both, spec: { ...both.spec, scaling } }),
    /hpa and keda are both enabled; KEDA scales goService/,
  );
  assert.match(await warningsOf(seckill('s', { services: {} })), /no service is enabled/);
});

test('what a DataService is warned of', async () => {
  const auth = (more: object) =>
    dataService('d', { mysql: undefined, auth: { image: 'auth:1', resources, ...more } });
  assert.equal(await warningsOf(auth({})), '');
  assert.match(await warningsOf(auth({ image: 'auth:latest' })), /spec\.auth\.image/);
  assert.match(await warningsOf(auth({ env: { TOKEN: 'x' } })), /spec\.auth\.env: TOKEN/);
  const thirdParty = { url: 'db:3306', password: 'x', checkCMD: 'true' };
  const elsewhere = await warningsOf(dataService('d', { mysql: { kind: 3, thirdParty } }));
  assert.match(elsewhere, /thirdParty\.password can be read by everybody/);
  assert.match(elsewhere, /checkCMD is not run/);
});
