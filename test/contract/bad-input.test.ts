// What must not be believed: bodies that are no reviews, and reviews that no API server would send. Each is
// answered with a Status, or with a review that refuses; none makes a rule throw.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import supertest from 'supertest';
import type { AdmissionReview } from '../../src/kube/admission.ts';
import { largestBody } from '../../src/server/body.ts';
import { mutatePath, registry, validatePath } from '../../webhooks/registry.ts';
import { buyer, goods, order } from '../refusals/scenario.ts';
import { type ReviewOptions, review, uidOf } from './reviews.ts';
import { kindOf } from './things.ts';
import { at, minute, World } from './world.ts';

const SpikeOrder = kindOf('SpikeOrder');
const path = validatePath(SpikeOrder);

let world: World;
before(async () => {
  world = new World();
  for (const manifest of [buyer(), goods()]) await world.create(manifest);
});
after(() => world[Symbol.asyncDispose]());

async function refused(
  asked: supertest.Test,
  code: number,
  reason: string,
  message: RegExp,
): Promise<supertest.Response> {
  const answer = await asked;
  assert.equal(answer.status, code, answer.text);
  assert.match(answer.headers['content-type'] ?? '', /^application\/json/);
  const { message: said, ...status } = answer.body;
  assert.deepEqual(status, {
    apiVersion: 'v1',
    kind: 'Status',
    metadata: {},
    status: 'Failure',
    code,
    reason,
  });
  assert.match(said, message);
  assert.equal(world.panics, 0);
  return answer;
}

const json = (body: string | Buffer, to = path) =>
  supertest(world.server)
    .post(to)
    .set('Content-Type', 'application/json')
    .serialize((it) => it as unknown as string)
    .send(body as string);

describe('a request that is no review', () => {
  it('is told which method and which type are wanted', async () => {
    for (const method of ['get', 'put', 'patch', 'delete', 'options'] as const) {
      const asked = supertest(world.server)[method](path);
      const answer = await refused(asked, 405, 'MethodNotAllowed', /^[A-Z]+ is not POST$/);
      assert.equal(answer.headers.allow, 'POST');
    }
    const types = [
      'text/plain',
      'application/yaml',
      'application/jsonx',
      'multipart/form-data; boundary=x',
      '',
    ];
    for (const type of types) {
      const asked = supertest(world.server).post(path).set('Content-Type', type).send('{}');
      const wanted = /^Content-Type must be application\/json, got "/;
      await refused(asked, 415, 'UnsupportedMediaType', wanted);
    }
    const typed = supertest(world.server).post(path).set('Content-Type', 'Application/JSON ; charset=utf-8');
    await refused(typed.send('{}'), 400, 'BadRequest', /must have required property 'apiVersion'$/);
  });

  it('is told that it is not JSON', async () => {
    const bodies = [
      '',
      ' ',
      '{',
      'null',
      'nul',
      '[]',
      '"x"',
      '0',
      '{"a":1}}',
      "{'a':1}",
      '\u0000',
      '\ufeff{}',
    ];
    for (const body of bodies) {
      await refused(json(body), 400, 'BadRequest', /^(the body is not JSON: |not an AdmissionReview of )/);
    }
    await refused(json(Buffer.from([0xff, 0xfe, 0xc0, 0x80])), 400, 'BadRequest', /^the body is not JSON/);
    const zipped = json('{}').set('Content-Encoding', 'gzip');
    await refused(zipped, 400, 'BadRequest', /^not an AdmissionReview/);
  });

  it('is told how large it may be', async () => {
    const message = new RegExp(`^the body must be at most ${largestBody} bytes, got \\d+$`);
    const declared = json(Buffer.alloc(8 * 1024 * 1024, ' '));
    await refused(declared, 413, 'RequestEntityTooLarge', message).catch(endedEarly);
    const just = Buffer.concat([Buffer.alloc(largestBody - 2, ' '), Buffer.from('{}')]);
    await refused(json(just), 400, 'BadRequest', /^not an AdmissionReview/);
  });

  it('is told that there is nothing at its path', async () => {
    const nowhere = [
      '/',
      '/mutate',
      '/validate-',
      `${path}x`,
      '/healthz/x',
      '/%E0%A4%A',
      '/metrics',
      '//',
      '/..',
    ];
    for (const to of nowhere) await refused(json('{}', to), 404, 'NotFound', /^no webhook at this path$/);
    assert.equal((await supertest(world.server).get('/healthz')).text, 'ok');
    assert.equal((await supertest(world.server).get('/readyz?verbose=1')).text, 'ok');
  });
});

describe('a review that is incomplete or of odd types', () => {
  const whole = () => review({ kind: SpikeOrder, operation: 'CREATE', object: order() });

  it('is told what is wrong with it', async () => {
    const odd: [string, (it: AdmissionReview) => unknown, RegExp][] = [
      [
        'no request',
        ({ apiVersion, kind }) => ({ apiVersion, kind }),
        /body must have required property 'request'$/,
      ],
      ['a request of null', (it) => ({ ...it, request: null }), /request must be object$/],
      [
        'an older version',
        (it) => ({ ...it, apiVersion: 'admission.k8s.io/v1beta1' }),
        /apiVersion must be equal/,
      ],
      ['another kind', (it) => ({ ...it, kind: 'TokenReview' }), /kind must be equal to constant$/],
    ];
    const { request } = whole();
    for (const field of ['uid', 'kind', 'resource', 'operation', 'userInfo'] as const) {
      const { [field]: _left, ...rest } = request;
      const missing = new RegExp(`request must have required property '${field}'$`);
      odd.push([`no ${field}`, (it) => ({ ...it, request: rest }), missing]);
      for (const value of [5, null, [], true, '', { uid: {} }]) {
        const wrong = new RegExp(`: request\\.${field}`);
        const written = `${field} ${JSON.stringify(value)}`;
        if (field === 'userInfo' && value !== null && typeof value === 'object' && !Array.isArray(value))
          continue;
        odd.push([written, (it) => ({ ...it, request: { ...request, [field]: value } }), wrong]);
      }
    }
    for (const [name, value] of Object.entries({
      object: 5,
      oldObject: [],
      dryRun: 'yes',
      namespace: 5,
      name: {},
    })) {
      const wrong = new RegExp(`: request\\.${name} must be `);
      odd.push([name, (it) => ({ ...it, request: { ...request, [name]: value } }), wrong]);
    }
    for (const metadata of [
      null,
      5,
      [],
      { name: 5 },
      { uid: {} },
      { finalizers: 'x' },
      { finalizers: [null] },
    ]) {
      const object = { ...order(), metadata };
      odd.push([
        'metadata',
        (it) => ({ ...it, request: { ...request, object } }),
        /: request\.object\.metadata/,
      ]);
    }
    for (const [name, change, message] of odd) {
      const body = JSON.stringify(change(whole()));
      const answer = refused(
        json(body),
        400,
        'BadRequest',
        /^not an AdmissionReview of admission.k8s.io\/v1: /,
      );
      assert.match((await answer).body.message, message, name);
    }
  });

  it('is told in a review, with its uid, that it came to the wrong path', async () => {
    for (const webhooks of registry) {
      for (const [to, ofPath] of [mutatePath, validatePath].map((of) => [of(webhooks.kind), of] as const)) {
        const other = webhooks.kind === SpikeOrder ? kindOf('Buyer') : SpikeOrder;
        const wrong = review({ kind: other, operation: 'CREATE', object: order(), uid: 'u-1' });
        const { status, ...response } = await world.call(to, wrong);
        assert.deepEqual(response, { uid: 'u-1', allowed: false });
        assert.equal(status?.code, 400);
        assert.match(status?.message ?? '', /^this path serves [\w.-]+ v\w+, not [\w.-]+ v\w+$/);
        assert.ok(ofPath);
      }
    }
  });

  it('is told in a review, with its uid, what the operation needs', async () => {
    const object = { ...order(), metadata: { name: 'order1', uid: uidOf(1) } };
    const lacking: [Partial<ReviewOptions>, RegExp][] = [
      [{ operation: 'CREATE' }, /^request\.object is missing, CREATE needs it$/],
      [{ operation: 'UPDATE', object }, /^request\.oldObject is missing, UPDATE needs it$/],
      [{ operation: 'UPDATE', oldObject: object }, /^request\.object is missing, UPDATE needs it$/],
      [{ operation: 'DELETE', object }, /^request\.oldObject is missing, DELETE needs it$/],
      [{ operation: 'CREATE', object, namespace: '' }, /^request\.namespace is missing$/],
      [{ operation: 'CREATE', object: goods() }, /^the object is a SpikeGoods, this path serves SpikeOrder$/],
      [{ operation: 'CREATE', object: order() }, /^request\.object\.metadata must have a name and a uid$/],
    ];
    for (const [more, message] of lacking) {
      const asked = review({ kind: SpikeOrder, operation: 'CREATE', ...more, uid: 'u-2' });
      const { uid, allowed, status } = await world.call(path, asked);
      assert.equal(uid, 'u-2');
      assert.equal(allowed, false);
      assert.equal(status?.code, 400);
      assert.match(status?.message ?? '', message);
    }
    assert.equal(world.store.writes, 0);
  });

  it('of a connection to a subresource is let through', async () => {
    for (const to of [path, mutatePath(SpikeOrder)]) {
      const connect = review({ kind: SpikeOrder, operation: 'CONNECT', namespace: 'default' });
      assert.equal((await world.call(to, connect)).allowed, true);
    }
  });
});

describe('a review of monstrous objects', () => {
  const metadata = { name: 'order1', uid: uidOf(1), namespace: 'default' };

  /** Both webhooks answer; the validating one as expected. */
  async function answer(options: Omit<ReviewOptions, 'kind'>, raw?: (text: string) => string) {
    const text = JSON.stringify(review({ kind: SpikeOrder, ...options }));
    const body = raw ? raw(text) : text;
    const mutated = await json(body, mutatePath(SpikeOrder));
    assert.equal(mutated.status, 200, mutated.text.slice(0, 200));
    assert.notEqual(mutated.body.response.status?.code, 500);
    const validated = await json(body);
    assert.equal(validated.status, 200);
    assert.equal(world.panics, 0);
    return validated.body.response;
  }

  it('nested deeper than any object is refused unread, whatever else it is', async () => {
    // Written as text: JSON.stringify would not get that deep.
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const raw = (depth: number) => (text: string) => text.replaceAll('"DEEP"', () => nested(depth));
    const spec = { ...order().spec, expiredTime: at(minute) };
    const object = { ...order(), metadata, spec: { ...spec, odd: 'DEEP' } };
    assert.equal((await answer({ operation: 'CREATE', object }, raw(900))).allowed, true);
    const update = { operation: 'UPDATE', object, oldObject: structuredClone(object) } as const;
    assert.equal((await answer(update, raw(900))).allowed, true);
    const typed = { ...object, spec: { ...spec, isPay: 'DEEP' } };
    const { status } = await answer({ ...update, object: typed }, raw(900));
    assert.equal(status.message, 'spec.isPay must be a boolean, got an array');
    const tooDeep = /^the body must be nested at most 1000 deep$/;
    for (const depth of [1001, 100_000, 3_000_000]) {
      await refused(json(nested(depth)), 400, 'BadRequest', tooDeep);
      const text = JSON.stringify(review({ kind: SpikeOrder, operation: 'CREATE', object }));
      await refused(json(raw(depth)(text)), 400, 'BadRequest', tooDeep);
    }
  });

  it('of more JSON tokens than any object has is refused unread', async () => {
    const many = (count: number) => `[${'[],'.repeat(count)}1]`;
    await refused(json(many(30_000)), 400, 'BadRequest', /^the body must have at most 50000 JSON tokens/);
    await refused(json(many(2_000_000)), 400, 'BadRequest', /^the body must have at most 300000 JSON tokens/);
    const inAString = JSON.stringify({ text: many(30_000) });
    await refused(json(inAString), 400, 'BadRequest', /^not an AdmissionReview/);
  });

  it('with keys that every object has', async () => {
    const odd = (text: string) =>
      text.replaceAll('"KEY"', '"__proto__"').replaceAll('"OTHER"', '"constructor"');
    const labels = { KEY: { polluted: true }, OTHER: { prototype: { polluted: true } } };
    const object = {
      ...order(),
      metadata: { ...metadata, labels, annotations: labels, KEY: labels },
      spec: { ...order().spec, goodsMap: { KEY: 1, OTHER: 1 }, KEY: { isPay: true } },
      KEY: labels,
    };
    const { status } = await answer({ operation: 'CREATE', object }, odd);
    assert.equal(status.message, 'spec.goodsMap.__proto__: no goods __proto__ in this namespace');
    const oldObject = { ...order(), metadata };
    const changed = await answer({ operation: 'UPDATE', object, oldObject }, odd);
    assert.match(
      changed.status.message,
      /^spec\.goodsMap cannot change .*got \{"__proto__":1,"constructor":1\}$/,
    );
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
  });

  it('with strings of megabytes: the answer stays short', async () => {
    const huge = 'x'.repeat(2_000_000);
    for (const spec of [
      { buyerId: huge },
      { goodsMap: { [huge]: 1 } },
      { goodsMap: { [huge]: 0 } },
      { goodsMap: huge },
      { isPay: huge },
      { orderId: huge },
      { expiredTime: huge },
    ]) {
      const object = { ...order(), metadata, spec: { ...order().spec, ...spec } };
      const { status } = await answer({ operation: 'CREATE', object });
      assert.equal(status.code, 413);
      assert.match(status.message, /^the review of a new SpikeOrder must be at most 262144 bytes, got \d+$/);
      // What is stored may have grown, and must be able to change and to go.
      const update = { operation: 'UPDATE', object, oldObject: { ...order(), metadata } } as const;
      assert.ok(JSON.stringify(await answer(update)).length < 3000, JSON.stringify(spec).slice(0, 40));
    }
    const huger = { ...order(), metadata: { ...metadata, annotations: { huge } } };
    assert.equal((await answer({ operation: 'DELETE', oldObject: huger })).allowed, true);
  });

  it('with ten thousand entries: the answer names the limit', async () => {
    const entries = (value: unknown) =>
      Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`g${i}`, value]));
    for (const value of [1, 0, 'x']) {
      const object = { ...order(), metadata, spec: { ...order().spec, goodsMap: entries(value) } };
      const { status } = await answer({ operation: 'CREATE', object });
      assert.equal(status.message, 'spec.goodsMap must have at most 64 entries, got 10000');
    }
  });

  it('with numbers that are none of ours', async () => {
    const quantities: [string, string][] = [
      ['-1', 'must be at least 1, got -1'],
      ['-0', 'must be at least 1, got 0'],
      ['1.5', 'must be an integer, got 1.5'],
      ['1e400', 'must be at most 100000, got Infinity'],
      ['9007199254740993', 'must be at most 100000, got 9007199254740992'],
      ['100001', 'must be at most 100000, got 100001'],
      ['"1"', 'must be an integer, got "1"'],
      ['null', 'must be an integer, got null'],
      ['[1]', 'must be an integer, got an array'],
    ];
    for (const [quantity, message] of quantities) {
      const object = { ...order(), metadata, spec: { buyerId: 'buyer1', goodsMap: { goods1: 'Q' } } };
      const raw = (text: string) => text.replace('"Q"', quantity);
      const { status } = await answer({ operation: 'CREATE', object }, raw);
      assert.equal(status.message, `spec.goodsMap.goods1 ${message}`);
    }
  });
});

/** The server closes without reading the rest, which a client may notice before it reads the answer. */
function endedEarly(error: Error & { code?: string }): undefined {
  if (error.code === 'EPIPE' || error.code === 'ECONNRESET') return undefined;
  throw error;
}
