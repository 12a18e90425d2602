// The manifests the table's commands name, beside manifests/crd and manifests/samples/sale.yaml.

import { cpSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import type { Runner } from './runner.ts';

const root = path.join(import.meta.dirname, '..', '..', '..');
const spike = (kind: string, name: string, spec: object) => ({
  apiVersion: 'myapp.spike.com/v1',
  kind,
  metadata: { name },
  spec,
});
const goods = (spec: object) =>
  spike('SpikeGoods', 'goods1', { goodsName: 'iphone 13', sellerId: 'seller1', price: 10, ...spec });
const buyer = (address: string) =>
  spike('Buyer', 'buyer2', { buyerName: 'lisi', address, phone: '13900000001' });

const files: Record<string, object> = {
  'bad.yaml': spike('SpikeGoods', 'bad', {
    goodsName: 'x',
    sellerId: 'seller1',
    price: 'ten',
    spikePrice: 8,
    day: 1,
    stockCount: 5,
  }),
  'goods-more.yaml': goods({ spikePrice: 8, day: 1, stockCount: 50 }),
  'buyer.yaml': buyer('Beijing'),
  'buyer-moved.yaml': buyer('Shanghai'),
  'seller.yaml': spike('Seller', 'seller2', { sellerPhone: '13800000002' }),
  'seller-other.yaml': spike('Seller', 'seller2', { sellerPhone: '13800000003' }),
  'config.yaml': {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'config', labels: { made: 'table' } },
    data: { a: '1' },
  },
};

export function writeFiles(runner: Runner): void {
  cpSync(path.join(root, 'manifests', 'crd'), path.join(runner.dir, 'crd'), { recursive: true });
  cpSync(path.join(root, 'manifests', 'samples', 'sale.yaml'), path.join(runner.dir, 'sale.yaml'));
  for (const [name, object] of Object.entries(files)) runner.write(name, stringify(object));
  cpSync(path.join(runner.dir, 'config.yaml'), path.join(runner.dir, 'kustom', 'config.yaml'), {
    recursive: true,
  });
  runner.write(
    'kustom/kustomization.yaml',
    stringify({
      resources: ['config.yaml'],
      nameSuffix: '-from-kustomize',
      commonLabels: { made: 'table' },
    }),
  );
}
