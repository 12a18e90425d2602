// What the sandbox does otherwise, or does not do, step by step. Whatever is mended leaves this list: the test
// fails as long as a step is here that has no difference. What has to do with custom resources and webhooks is in
// gaps-extensions.ts.

import { type Allowed, gap, of } from './allowed.ts';

export const gaps: Allowed[] = [
  gap(
    'The traffic policies and addresses of a service do not follow its type, and deprecated fields bring no warning.',
    '*',
    of('services', 'its address is free | external addresses | back to an address | to an external name'),
  ),
  gap(
    'A JSON patch that replaces, moves or copies what is not there is refused.',
    'code',
    of('patches', 'json: replace of nothing | json: move from nothing | json: copy from nothing'),
  ),
  gap('resourceVersionMatch is not looked at in a watch.', 'code', of('watches', 'with a match')),
  gap(
    'A status of a load balancer is taken for a service of any type.',
    '*',
    of('subresources', 'a load balancer'),
  ),
  gap(
    'Columns of tables have the types of their values, every event of a watch has them, and nodes have fewer.',
    '*',
    of('watches', 'as tables'),
    of(
      'tables',
      'config maps | one config map | one with its object | one without an object',
      'config maps, in the beta | deployments | secrets | nodes',
      'autoscalers | roles | storage classes | a table of what is made',
    ),
  ),
  gap('Lists of resources say their apiVersion.', '*', of('discovery', 'the core')),
  gap(
    "What a body holds is checked against the request's kind before anything else, in one text.",
    '*',
    of('errors', 'JSON null | a delete with a wrong kind'),
    of(
      'patches',
      'merge: another kind | merge: another version | merge: a wrong type',
      'json: the whole | strategic: a list for a map | merge: replicas as a text',
    ),
  ),
  gap(
    "What a body holds is checked against the request's kind before anything else, in one text.",
    'body.message',
    of('create', 'another version in the body | another group in the body | an odd group'),
    of('errors', 'a delete with an odd body'),
    of('apply', 'no version | no kind | another kind | a wrong type'),
  ),
  gap(
    'A wrong field is told in other words.',
    'body.message',
    of('create', 'bad finalizers | bad keys'),
    of('errors', 'a put without a name'),
    of('paging', 'a page that never was | a page of another kind of token | exactly version 0'),
    of('patches', 'put: a uid that is not its | merge: a pod’s command'),
    of('delete', 'a wrong uid | a wrong version'),
    of('subresources', 'a bad role'),
    of(
      'workloads',
      'no selector | no template | an odd strategy | a stateful set’s service',
      'an autoscaler below one | pod: an odd policy | pod: an odd dns policy',
      'an empty ingress',
    ),
    of('events', 'an event of nothing | a new event without much'),
  ),
  gap(
    "Not checked: the sandbox knows the schema of every built-in kind, and of Kubernetes' further rules the common ones.",
    '*',
    of('subresources', 'may alice?'),
  ),
  gap(
    "Not checked: the sandbox knows the schema of every built-in kind, and of Kubernetes' further rules the common ones.",
    'body.message',
    of('errors', 'a list as XML'),
    of('paging', 'an object of the future'),
    of('subresources', 'scaled by another kind'),
    of('services', 'an address out of range | the same port twice'),
  ),
  gap(
    'What admission plugins and controllers of Kubernetes add and the sandbox has none of: priorities, protection of volumes, taints, quotas.',
    '*',
    of('create', 'a claim'),
    of('workloads', 'a daemon set | a network policy | a volume | a node'),
  ),
  gap(
    'What admission plugins and controllers of Kubernetes add and the sandbox has none of: priorities, protection of volumes, taints, quotas.',
    'code',
    of('workloads', 'a quota'),
  ),
  gap(
    'Not served: logs, exec, proxy, bindings, applies of a scale.',
    '*',
    of('subresources', 'after all that | binding a pod | a bound pod | a proxy'),
  ),
  gap(
    'Not served: logs, exec, proxy, bindings, applies of a scale.',
    'code',
    of('subresources', 'scaled by an apply'),
  ),
  gap(
    'Not served: logs, exec, proxy, bindings, applies of a scale.',
    'body.message',
    of('subresources', 'a log | an exec | a proxy'),
  ),
  gap('Quantities stay as they were written.', '*', of('workloads', 'a pod with everything')),
  gap(
    'The autoscaler of autoscaling/v1 gets no default target.',
    '*',
    of('workloads', 'an autoscaler with little'),
  ),
  gap(
    'Anonymous requests are refused with 401, as with --anonymous-auth=false.',
    '*',
    of('errors', 'no credentials | an odd authorization'),
  ),
  gap(
    'Paths that clients of today do not use.',
    '*',
    of('watches', 'of one object by its path'),
    of('errors', 'no such check'),
  ),
  gap(
    'Paths that clients of today do not use.',
    'code',
    of('errors', 'POST to discovery | any application type | the old watch path'),
  ),
  gap(
    'A request for an unknown media type is answered in one text.',
    'body.message',
    of('watches', 'as XML'),
    of('errors', 'an answer as XML | a patch of no type | a patch of an odd type'),
  ),
  gap(
    "The API server's cache pays no heed to a limit at version 0, and sends bookmarks about once a minute.",
    '*',
    of('watches', 'that times out with a bookmark'),
    of('paging', 'version 0 with a limit | pages and version 0'),
  ),
  gap(
    'Errors of resource versions are told in other words.',
    'body.message',
    of('paging', 'a version of the future'),
    of('patches', 'put: a version that is no number'),
  ),
  gap(
    'The last state of an object that lost its finalizers is told without them.',
    '*',
    of('watches', 'how it went'),
  ),
  gap(
    'Strategic directives are told in other words.',
    'body.message',
    of('patches', 'strategic: an unknown directive | strategic: without its key'),
  ),
  gap(
    'Unprintable letters are shown as JSON shows them.',
    'body.message',
    of('apply', 'a manager that cannot be printed'),
  ),
  gap('An apply of nothing but empty parts owns these.', '*', of('apply', 'given up by the others')),
  gap(
    'Namespaces say less about their end; finalize keeps their labels.',
    '*',
    of('delete', 'it says what holds it | finalize | finalizers of a namespace'),
  ),
  gap("The API's YAML is 1.2: `on` is a text, not true.", '*', of('create', 'as YAML')),
  gap('Reviews come back without managedFields.', '*', of('subresources', 'whose token?')),
  gap(
    'An update that sets nothing but an empty part has an entry for it.',
    '*',
    of('create', 'a uid on create | a creation time on create'),
    of('delete', 'the kid has no owner | the finalizer goes'),
  ),
  gap('A continue token is not refused in a watch.', 'code', of('watches', 'with a continuation')),
  gap(
    "A body of the wrong type is told in the words of Go's decoders, which differ from version to version.",
    'body.message',
    of(
      'create',
      'a number for a text | labels that are numbers | another kind in the body',
      'a lease with a bad time',
    ),
    of('errors', 'a patch of a wrong form'),
    of('apply', 'another version'),
  ),
  gap(
    'An object that is created with a deletion time is stored without the entry of its manager.',
    '*managedFields',
    of('create', 'a deletion time on create'),
  ),
  gap(
    'An apply that takes over what an update owned has no time.',
    '*Apply.time',
    of('apply', 'then applied'),
  ),
  gap(
    'Strict validation passes a duplicate field over, and refuses an unknown one of a patch as a bad request.',
    '*',
    of('dryrun', 'validation: twice | validation: a patch'),
  ),
  gap('The note of an event may be changed.', 'code', of('events', 'another note')),
];
