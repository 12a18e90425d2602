// The defects of the original ImoocPod operator, each with its guard.
import { change, type Defect, defects, guard, leader, noStatus, refusals } from './defect.ts';

const podDefects = guard(defects, 'ImoocPod');
const podsOnSandbox = guard('test/workloads/imooc-pod.test.ts', 'ImoocPod on sandbox');
const fleet = change('src/controllers/imooc-pod.ts');

export const imoocPods: Defect[] = [
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
