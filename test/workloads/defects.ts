// The defects of the seeds S1 to S4, each with the test that guards against it, and the defect itself as a change of
// our source: put in, the guard must fail. Data only. The changes are made in a copy (mutants.ts), never here.

export interface Guard {
  /** From the root of the project. */
  file: string;
  /** Names of the suites that it is in, where its own would not do. */
  suite?: string;
  /** How the name of the test begins. */
  name: string;
}

export interface Change {
  file: string;
  /** Occurs once. */
  from: string;
  to: string;
}

export interface Defect {
  /** What the original does, in a few words. */
  defect: string;
  guard: Guard;
  mutant: Change;
}

const guard =
  (file: string, suite?: string) =>
  (name: string): Guard => ({ file, name, ...(suite ? { suite } : {}) });
const defects = 'test/workloads/defects.test.ts';
const dataDefects = guard(defects, 'DataService');
const webDefects = guard(defects, 'ElasticWeb');
const podDefects = guard(defects, 'ImoocPod');
const seckillDefects = guard(defects, 'Seckill');
const onSandbox = guard('test/workloads/elastic-web.test.ts', 'ElasticWeb on sandbox');
const podsOnSandbox = guard('test/workloads/imooc-pod.test.ts', 'ImoocPod on sandbox');
const scaling = guard('test/workloads/scaling.test.ts');
const refusals = guard('test/contract/refusals.test.ts');
const warnings = guard('test/contract/workload-warnings.test.ts');
const ofSeckill = guard('test/unit/seckill-children.test.ts');
const ofData = guard('test/unit/data-service-children.test.ts');
const change =
  (file: string) =>
  (from: string, to: string): Change => ({ file, from, to });

const dataChildren = change('src/controllers/data-service/children.ts');
const dataWorkload = change('src/controllers/data-service/workload.ts');
const webChildren = change('src/controllers/elastic-web-children.ts');
const web = change('src/controllers/elastic-web.ts');
const fleet = change('src/controllers/imooc-pod.ts');
const seckillChildren = change('src/controllers/seckill/children.ts');
const children = change('src/workloads/children.ts');
const identity = change('src/workloads/identity.ts');
const leader = change('src/controllers/workload-leader.ts');
const prometheus = change('src/workloads/prometheus.ts');
const rules = change('webhooks/container-rules.ts');

const noStatus = change('src/workloads/status.ts')(
  "cache.observe(await client.replace(resource, { ...object, status }, { subresource: 'status' }));",
  'return {};',
);
const sameSelector = identity(
  "'app.kubernetes.io/instance': labelValue(owner.metadata.name),",
  "'app.kubernetes.io/instance': 'app',",
);
/** What is there is never looked at again. */
const neverUpdated = children('if (live && this.#isThere(live, wanted))', 'if (live)');

/** S1, row 9. */
const dataService: Defect[] = [
  {
    defect: 'errors are lost: another variable of that name is returned',
    guard: dataDefects('says what an API server refuses'),
    mutant: dataWorkload('    outcome.throwIfFailed();\n', ''),
  },
  {
    defect: 'Eureka is never reconciled',
    guard: ofData('come in order: middleware, services, the front end'),
    mutant: dataChildren(
      'return component ? [[name, component]] : [];',
      "return component && name !== 'eureka' ? [[name, component]] : [];",
    ),
  },
  {
    defect: 'one backend for all objects',
    guard: ofData('share no name and no selector with those of another'),
    mutant: dataChildren(
      'const all = new Plans(object, situation);',
      'const all: Plans = ((globalThis as any).backend ??= new Plans(object, situation));',
    ),
  },
  {
    defect: 'every component is required',
    guard: ofData('are only those of the components that are there'),
    mutant: dataChildren('return component ? [[name, component]] : [];', 'return [[name, component ?? {}]];'),
  },
  {
    defect: 'no status',
    guard: dataDefects('owns its children, and says how each component is'),
    mutant: noStatus,
  },
  {
    defect: 'no owner references',
    guard: dataDefects('owns its children, and says how each component is'),
    mutant: children('ownerReferences: [ownerReference(owner)] }', 'ownerReferences: [] }'),
  },
  {
    defect: 'fixed names of children: one DataService per namespace',
    guard: guard('test/workloads/data-service.test.ts')('of two DataServices of the same second'),
    mutant: dataWorkload(
      'const prefix = prefixOf(object, others, this.#servicesOf(object), hasPlainNames);',
      "const prefix = '';",
    ),
  },
  {
    defect: 'ConfigMaps are rendered into a global',
    guard: dataDefects('renders its files anew for each'),
    mutant: dataChildren(
      'render(own(config, file) ?? templateOf(name, file, port), values),',
      '((globalThis as any)[file] ??= render(own(config, file) ?? templateOf(name, file, port), values)),',
    ),
  },
  {
    defect: 'checkCMD of an object is run by a shell',
    guard: guard('test/unit/data-service-checks.test.ts')('run no command'),
    mutant: change('src/controllers/data-service/checks.ts')(
      '  const { timeoutMs } = timesOf(thirdParty, false);\n',
      "  const { timeoutMs } = timesOf(thirdParty, false);\n  if (thirdParty.checkCMD) (await import('node:child_process')).execSync(thirdParty.checkCMD);\n",
    ),
  },
  {
    defect: 'the password of mysql stands in ConfigMaps',
    guard: ofData('have no password in a ConfigMap, and the database a volume'),
    mutant: dataChildren(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a piece of source
      "'mysql.password': '${MYSQL_PASSWORD}',",
      "'mysql.password': object.spec.mysql?.thirdParty?.password ?? 'root',",
    ),
  },
  {
    defect: 'the database has no volume',
    guard: dataDefects('owns its children, and says how each component is'),
    mutant: dataChildren("...(name === 'mysql' ? { volumeClaimTemplates: [claimOf(spec)] } : {}),", ''),
  },
];

/** S2, row 8. */
const elasticWebs: Defect[] = [
  {
    defect: 'the container port is SCTP',
    guard: onSandbox('the seed sample'),
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
      '  const reading = read(web, meters);\n',
      "  const reading = read(web, meters);\n  if (reading?.qps !== undefined && reading.qps !== web.spec.totalQPS) await client.patch(ElasticWeb, { namespace: web.metadata.namespace, name: web.metadata.name }, { spec: { totalQPS: reading.qps } }, { type: 'merge' });\n",
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

/** S3, row 4. */
const imoocPods: Defect[] = [
  { defect: 'no status', guard: podsOnSandbox('makes all pods in one pass'), mutant: noStatus },
  {
    defect: 'an object that is gone is an error without end',
    guard: podsOnSandbox('is quiet when there is nothing to do: after a deletion too'),
    mutant: leader(
      '          reconciler.forget?.(key);\n          return {};',
      "          const [namespace, name = ''] = key.split('/');\n          await client.get(kind, { namespace, name }, { signal });\n          return {};",
    ),
  },
  {
    defect: 'looked at again without a reason (hot loop)',
    guard: podDefects('is not looked at while nothing happens to it'),
    mutant: fleet(
      'return wait > 0 && result.requeueAfter === undefined ? { requeueAfter: wait } : result;',
      'return { requeueAfter: 100 };',
    ),
  },
  {
    defect: 'decides by a stale cache, and makes too many',
    guard: guard(defects, 'ImoocPod behind the times')('makes none twice while its cache does not show'),
    mutant: fleet(
      '        sources.cacheOf(pods).observe(pod);\n        outcome.changed',
      '        outcome.changed',
    ),
  },
  {
    defect: 'too many pods: the first of the list go',
    guard: podsOnSandbox('loses the newest pods and those that are not ready first'),
    mutant: change('src/workloads/victims.ts')(
      'return [...pods].sort(compare).slice',
      'return [...pods].slice',
    ),
  },
  {
    defect: 'owns by label: takes pods of others',
    guard: podsOnSandbox('takes no pod that is not its own'),
    mutant: fleet(
      '    return sources\n      .ownedBy(pods, owner.metadata.uid)\n',
      '    return sources\n      .cacheOf(pods)\n      .list()\n      .filter((it) => it.metadata.namespace === owner.metadata.namespace && it.metadata.labels?.app === owner.metadata.name)\n',
    ),
  },
  {
    defect: 'no permission for pods',
    guard: guard(defects)('ImoocPod: Spikegate may make, see and delete pods'),
    mutant: change('src/manifests/rbac.ts')(
      '...allChildKinds.map(childRule),',
      '...allChildKinds.filter((it) => it !== pods).map(childRule),',
    ),
  },
  {
    defect: 'pods are not watched',
    guard: podsOnSandbox('replaces deleted and finished pods, and none twice'),
    mutant: leader(
      "if (change.source !== 'observe') controller.enqueue(key);",
      "if (change.source !== 'observe' && kind.kind !== 'ImoocPod') controller.enqueue(key);",
    ),
  },
  {
    defect: 'finished pods are never cleaned up',
    guard: podsOnSandbox('replaces deleted and finished pods, and none twice'),
    mutant: fleet(
      "const failed = all.filter(({ status }) => status?.phase === 'Failed' || status?.phase === 'Succeeded');",
      'const failed: Pod[] = [];',
    ),
  },
  {
    defect: 'fewer pods than none are accepted',
    guard: refusals('an ImoocPod with fewer pods than none'),
    mutant: change('src/api/imooc-pod.ts')('optional(int(0, maxPods,', 'optional(int(-10, maxPods,'),
  },
  {
    defect: 'one pod a pass',
    guard: podDefects('makes all its pods in one pass'),
    mutant: fleet('await growing(count, parallel,', 'await growing(Math.min(1, count), parallel,'),
  },
];

/** S4, row 6. */
const seckills: Defect[] = [
  {
    defect: 'KEDA is claimed and never done',
    guard: ofSeckill('have one autoscaler each: KEDA for the go service'),
    mutant: seckillChildren('...(wantsKeda ? [scaledObjectOf(consumer)] : []),', ''),
  },
  {
    defect: 'monitoring is claimed and never done',
    guard: ofSeckill('are watched: ServiceMonitors on the port http'),
    mutant: seckillChildren(
      '...(monitoring?.enabled && monitoring.prometheusEnabled ? parts.filter(hasMetrics).map(monitorOf) : []),',
      '',
    ),
  },
  {
    defect: 'enabled: false deletes nothing',
    guard: seckillDefects('deletes what is switched off'),
    mutant: children(
      '      for (const it of obsolete) if (!it.kind.isDeletedFirst) await this.#delete(pass, outcome, it);\n',
      '',
    ),
  },
  {
    defect: 'HPA and KEDA drive the same workload',
    guard: ofSeckill('have one autoscaler each: KEDA for the go service'),
    mutant: seckillChildren("return hasKeda ? 'keda' : 'none';", "return hpa?.enabled ? 'hpa' : 'keda';"),
  },
  {
    defect: 'HPA and KEDA both on, and nobody says so',
    guard: warnings('what a Seckill is warned of'),
    mutant: change('webhooks/seckill.ts')(
      'if (!hpa?.enabled || !keda?.enabled) return undefined;',
      'if (hpa || keda) return undefined;',
    ),
  },
  {
    defect: 'children are made once and never updated',
    guard: seckillDefects('brings its children to every later spec'),
    mutant: neverUpdated,
  },
  {
    defect: 'labels of two Seckills are the same',
    guard: ofSeckill('select no pod of another Seckill, nor of another service'),
    mutant: sameSelector,
  },
  {
    defect: 'the container listens on port, not on targetPort',
    guard: ofSeckill('listen on targetPort, not on port'),
    mutant: change('src/api/podspec.ts')(
      'const containerPort = own.get(name) ?? port;',
      'const containerPort = port;',
    ),
  },
  {
    defect: 'the status is empty',
    guard: seckillDefects('deletes what is switched off, and says how each service is'),
    mutant: change('src/controllers/seckill/workload.ts')(
      'fields: { phase, ready: count, serviceStatuses },',
      'fields: { phase },',
    ),
  },
  {
    defect: ':latest, without a word',
    guard: warnings('what a Seckill is warned of'),
    mutant: rules(
      "if (tag !== undefined && tag !== 'latest') return undefined;",
      'if (tag !== undefined) return undefined;',
    ),
  },
  {
    defect: 'secrets in plain text, without a word',
    guard: warnings('what a Seckill is warned of'),
    mutant: rules('  secret.test(name) &&\n', '  !name &&\n'),
  },
];

/** By section and row of the seeds' inventory. The number is that of the single defects which that row tells. */
export const rows: { row: string; tells: number; defects: readonly Defect[] }[] = [
  { row: 'S1.9 DataService', tells: 11, defects: dataService },
  { row: 'S2.8 ElasticWeb', tells: 21, defects: elasticWebs },
  { row: 'S3.4 ImoocPod', tells: 11, defects: imoocPods },
  { row: 'S4.6 Seckill', tells: 11, defects: seckills },
];
