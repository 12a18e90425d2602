// What a person does with kubectl. Skipped, with a word, where kubectl is absent.

import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { open, type Rig, widget, widgetCrd } from './harness.ts';

const skip = spawnSync('kubectl', ['version', '--client']).error ? 'kubectl is not on the PATH' : false;

function kubectl(rig: Rig, ...args: string[]): Promise<{ code: number; out: string }> {
  const env = { ...process.env, KUBECONFIG: rig.sandbox.kubeconfig, HOME: rig.dir };
  return new Promise((resolve) => {
    execFile('kubectl', args, { env, cwd: rig.dir }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, out: stdout + stderr }),
    );
  });
}

async function ok(rig: Rig, args: string, expected: RegExp): Promise<string> {
  const { code, out } = await kubectl(rig, ...args.split(' '));
  assert.equal(code, 0, `kubectl ${args}: ${out}`);
  assert.match(out, expected, `kubectl ${args}`);
  return out;
}

const file = (rig: Rig, name: string, ...objects: object[]) =>
  writeFileSync(path.join(rig.dir, name), objects.map((o) => stringify(o)).join('---\n'));

test('custom resources', { skip }, async (t) => {
  const rig = await open(t);
  file(rig, 'crd.yaml', widgetCrd);
  file(rig, 'w.yaml', widget('w', { size: 3 }));
  file(rig, 'w2.yaml', widget('w', { size: 4 }));
  file(rig, 'bad.yaml', widget('bad', { size: 0, nope: 1 }));
  await ok(rig, 'create -f crd.yaml', /widgets.test.example.com created/);
  await ok(rig, 'wait --for=condition=Established crd/widgets.test.example.com', /condition met/);
  await ok(rig, 'create -f w.yaml', /widget.test.example.com\/w created/);
  await ok(rig, 'get wd', /NAME +SIZE +READY\s+w +3/);
  await ok(rig, 'get wd -o jsonpath={.items[0].spec.color}', /^red$/);
  await ok(rig, 'explain widget.spec.size', /FIELD: size <integer>/);
  const bad = await kubectl(rig, 'create', '-f', 'bad.yaml');
  assert.match(bad.out, /strict decoding error: unknown field "spec.nope"/);
  await ok(rig, 'apply --server-side --force-conflicts -f w2.yaml', /serverside-applied/);
  await ok(rig, 'apply --dry-run=server --server-side -f w.yaml --force-conflicts', /server dry run/);
  await ok(rig, 'label wd w a=b', /labeled/);
  await ok(rig, 'patch wd w --type=merge -p {"spec":{"size":5}}', /patched/);
  await ok(rig, 'scale wd w --replicas=2', /scaled/);
  await ok(rig, 'wait --for=jsonpath={.spec.replicas}=2 wd/w', /condition met/);
  await ok(rig, 'describe wd w', /Size: +5/);
  await ok(rig, 'get all', /widget.test.example.com\/w/);
  await ok(
    rig,
    'api-resources --api-group=test.example.com',
    /widgets +wd +test.example.com\/v1 +true +Widget/,
  );
  await ok(rig, 'delete wd w', /deleted/);
});

test('workloads', { skip }, async (t) => {
  const rig = await open(t, { workloads: { readyAfterMs: 50 } });
  await ok(rig, 'create deployment web --image=nginx:1.25 --replicas=2', /created/);
  await ok(rig, 'rollout status deploy/web --timeout=10s', /successfully rolled out/);
  await ok(rig, 'set image deploy/web nginx=nginx:1.26', /updated/);
  await ok(rig, 'rollout status deploy/web --timeout=10s', /successfully rolled out/);
  await ok(rig, 'rollout history deploy/web', /1 +<none>\s+2 +<none>/);
  await ok(rig, 'rollout undo deploy/web', /rolled back/);
  await ok(rig, 'rollout status deploy/web --timeout=10s', /successfully rolled out/);
  await ok(rig, 'get deploy web -o jsonpath={.spec.template.spec.containers[0].image}', /^nginx:1.25$/);
  await ok(rig, 'expose deploy web --port=80', /exposed/);
  await ok(rig, 'autoscale deploy web --min=1 --max=3 --cpu-percent=50', /autoscaled/);
  await ok(
    rig,
    'get horizontalpodautoscalers.v1.autoscaling web -o jsonpath={.spec.targetCPUUtilizationPercentage}',
    /^50$/,
  );
  await ok(rig, 'delete deploy web --cascade=orphan', /deleted/);
  await ok(rig, 'get rs -o name', /replicaset/);
  await ok(rig, 'delete rs --all --cascade=foreground', /deleted/);
});

test('access', { skip }, async (t) => {
  const rig = await open(t);
  await ok(rig, 'auth whoami', /kubernetes-admin/);
  await ok(rig, 'auth can-i create pods', /^yes/);
  assert.match((await kubectl(rig, 'auth', 'can-i', 'create', 'pods', '--as=nobody')).out, /^no/);
  await ok(rig, 'create role r --verb=get --resource=pods', /created/);
  await ok(rig, 'create rolebinding r --role=r --serviceaccount=default:default', /created/);
  await ok(rig, 'auth can-i get pods --as=system:serviceaccount:default:default', /^yes/);
  await ok(rig, 'create ns n', /created/);
  await ok(rig, 'create configmap c -n n --from-literal=a=b', /created/);
  await ok(rig, 'delete ns n', /deleted/);
});
