// The defects of the original Seckill operator, each with its guard.
import { change, children, type Defect, defects, guard, sameSelector } from './defect.ts';

const seckillDefects = guard(defects, 'Seckill');
const warnings = guard('test/contract/workload-warnings.test.ts');
const ofSeckill = guard('test/unit/controllers/seckill/children.test.ts');
const seckillChildren = change('src/controllers/seckill/children.ts');
const rules = change('webhooks/container-rules.ts');
/** What is there is never looked at again. */
const neverUpdated = children('if (live && this.#isThere(live, wanted))', 'if (live)');

export const seckills: Defect[] = [
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
    mutant: change('src/controllers/seckill/reconcile.ts')(
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
