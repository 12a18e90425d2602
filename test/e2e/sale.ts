// Manifests of the original's objects, as text, the way a person writes them.

export interface SaleManifest {
  stock: number;
  price: number;
  spikePrice: number;
  goods?: string[];
}

export function saleManifest({ stock, price, spikePrice, goods = ['goods1'] }: SaleManifest): string {
  const items = goods.map(
    (name) => `
apiVersion: myapp.spike.com/v1
kind: SpikeGoods
metadata:
  name: ${name}
spec:
  goodsName: iphone 13
  sellerId: seller1
  price: ${price}
  spikePrice: ${spikePrice}
  day: 1
  stockCount: ${stock}
`,
  );
  return `
apiVersion: myapp.spike.com/v1
kind: Seller
metadata:
  name: seller1
spec:
  sellerPhone: "13800000000"
---
apiVersion: myapp.spike.com/v1
kind: Buyer
metadata:
  name: buyer1
spec:
  buyerName: zhangsan
  address: Beijing
  phone: "13900000000"
---${items.join('---')}`;
}

export interface OrderManifest {
  name: string;
  buyer: string;
  goods: Record<string, number>;
  isPay?: boolean;
}

export function orderManifest({ name, buyer, goods, isPay }: OrderManifest): string {
  const map = Object.entries(goods).map(([key, quantity]) => `    ${key}: ${quantity}\n`);
  return `
apiVersion: myapp.spike.com/v1
kind: SpikeOrder
metadata:
  name: ${name}
spec:
  buyerId: ${buyer}
  goodsMap:
${map.join('')}${isPay === undefined ? '' : `  isPay: ${isPay}\n`}`;
}
