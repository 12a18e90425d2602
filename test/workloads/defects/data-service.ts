// The defects of the original DataService operator, each with its guard.
import { change, children, type Defect, defects, guard, noStatus } from './defect.ts';

const dataDefects = guard(defects, 'DataService');
const ofData = guard('test/unit/controllers/data-service/children.test.ts');
const dataChildren = change('src/controllers/data-service/children.ts');
const dataWorkload = change('src/controllers/data-service/reconcile.ts');

export const dataService: Defect[] = [
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
    guard: guard('test/unit/controllers/data-service/checks.test.ts')('run no command'),
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
