// The defects of the original ElasticWeb operator, each with its guard.
import { change, children, type Defect, defects, guard, leader, refusals, sameSelector } from './defect.ts';

const webDefects = guard(defects, 'ElasticWeb');
const onSandbox = guard('test/workloads/elastic-web.test.ts', 'ElasticWeb on sandbox');
const scaling = guard('test/workloads/scaling.test.ts');
const webChildren = change('src/controllers/elastic-web-children.ts');
const web = change('src/controllers/elastic-web.ts');
const prometheus = change('src/workloads/prometheus.ts');

export const elasticWebs: Defect[] = [
  {
    defect: 'the container port is SCTP',
    guard: onSandbox('the original sample'),
    mutant: webChildren('[{ name, containerPort, protocol }]', "[{ name, containerPort, protocol: 'SCTP' }]"),
  },
  {
    defect: 'the type of the Service is fixed',
    guard: onSandbox('follows every edit'),
    mutant: webChildren(
      "const wanted = spec.serviceType ?? 'LoadBalancer';",
      "const wanted: string = 'LoadBalancer';",
    ),
  },
  {
    defect: 'the selector is a constant',
    guard: onSandbox('two in a namespace never share a pod'),
    mutant: sameSelector,
  },
  {
    defect: 'the Service is never updated',
    guard: onSandbox('follows every edit'),
    mutant: children(
      'if (live && this.#isThere(live, wanted))',
      "if (live && (live.kind === 'Service' || this.#isThere(live, wanted)))",
    ),
  },
  {
    defect: 'the Service is never made anew',
    guard: onSandbox('puts right within a second'),
    mutant: change('src/workloads/sources.ts')(
      '  #wake(change: Change<KubeObject>): void {\n',
      "  #wake(change: Change<KubeObject>): void {\n    if (change.type === 'deleted') return;\n",
    ),
  },
  {
    defect: 'changes of image and podPort are ignored',
    guard: onSandbox('follows every edit'),
    mutant: children(
      'if (live && this.#isThere(live, wanted))',
      "if (live && (live.kind === 'Deployment' || this.#isThere(live, wanted)))",
    ),
  },
  {
    defect: 'realQPS comes from the pods that are wanted, and is stale',
    guard: webDefects('counts its QPS from the pods that are ready'),
    mutant: web(
      'realQPS: ready * spec.singlePodQPS,',
      'realQPS: (outcome.get(deployments, metadata.name)?.spec.replicas ?? 0) * spec.singlePodQPS,',
    ),
  },
  {
    defect: 'singlePodQPS 0 divides by zero',
    guard: refusals('a pod that serves nothing'),
    mutant: change('src/api/elastic-web.ts')(
      'singlePodQPS: int(1, highestQps,',
      'singlePodQPS: int(0, highestQps,',
    ),
  },
  {
    defect: 'what may be absent is taken for there, and panics',
    guard: webDefects('runs with nothing but what it must have'),
    mutant: webChildren(
      '...(spec.resources ? { resources: inStrings(spec.resources) } : {}),',
      'resources: inStrings(spec.resources!),',
    ),
  },
  {
    defect: 'no status subresource',
    guard: webDefects('has its status apart'),
    mutant: change('src/manifests/crd.ts')('subresources: { status: {}, ', 'subresources: { '),
  },
  {
    defect: 'children are not watched',
    guard: onSandbox('puts right within a second'),
    mutant: leader("if (change.source !== 'observe') controller.enqueue(key);", ''),
  },
  {
    defect: 'quantities are compared as text',
    guard: guard('test/workloads/compare.test.ts')('what the server puts in, drops or writes otherwise'),
    mutant: change('src/workloads/compare.ts')(
      'return isQuantity && sameQuantity(stored, wanted);',
      'return false;',
    ),
  },
  {
    defect: 'every replica scales, before any is the leader',
    guard: guard('test/workloads/leader-only.test.ts')('only the leader asks Prometheus'),
    mutant: change('src/process/election.ts')(
      'if (!settings.leaderElect) return',
      'if (settings.leaderElect) return',
    ),
  },
  {
    defect: 'scaling rewrites what a person wrote (sed and kubectl apply)',
    guard: guard('test/workloads/leader-only.test.ts')('only the leader asks Prometheus'),
    mutant: web(
      '  const reading = readLoad(web, meters, working.prometheusServer);\n',
      "  const reading = readLoad(web, meters, working.prometheusServer);\n  if (reading?.qps !== undefined && reading.qps !== web.spec.totalQPS) await client.patch(ElasticWeb, { namespace: web.metadata.namespace, name: web.metadata.name }, { spec: { totalQPS: reading.qps } }, { type: 'merge' });\n",
    ),
  },
  {
    defect: 'Prometheus is at a fixed URL of the same machine',
    guard: scaling('is the sum of all series'),
    mutant: prometheus('new URL(server)', "new URL('http://127.0.0.1:9090')"),
  },
  {
    defect: 'only the first series counts',
    guard: scaling('is the sum of all series'),
    mutant: prometheus('const sum = samples.reduce(', 'const sum = samples.slice(0, 1).reduce('),
  },
  {
    defect: 'a counter that begins again is a negative load',
    guard: webDefects('measures a rate'),
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a piece of source
    mutant: web("return `sum(rate(${series}[${metrics.window ?? '1m'}]))`;", 'return `sum(${series})`;'),
  },
  {
    defect: 'no time limit',
    guard: scaling('is the sum of all series'),
    mutant: prometheus('clock.after(timeoutMs, () => {', 'clock.after(timeoutMs + 600_000, () => {'),
  },
  {
    defect: 'a failure is a load of 0',
    guard: scaling('keeps the last good answer through failures'),
    mutant: change('src/workloads/qps-meter.ts')(
      'failure = { reason, message: (error as Error).message };',
      'qps = reason ? 0 : 0;',
    ),
  },
  {
    defect: 'no minimum and no maximum',
    guard: onSandbox('no load: no pods, and the Service stays'),
    mutant: change('src/api/scaling.ts')('=> Math.min(max, Math.max(min, value));', '=> value;'),
  },
  {
    defect: 'pods swing with the load',
    guard: scaling('do not swing with a load that swings'),
    mutant: change('src/api/scaling.ts')(
      'const most = Math.max(...recent.map(({ replicas }) => replicas));',
      'const most = recommended.replicas;',
    ),
  },
];
