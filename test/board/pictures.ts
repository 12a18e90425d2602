// `npm run board:pictures`: plays a sale and takes the pictures of it that the documents show, in docs/board.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findChromium, type Look, noChromium, openBrowser } from './browser.ts';
import { BoardSale, offers, rush, stockUp } from './sale.ts';

const folder = process.argv[2] ?? join(import.meta.dirname, '..', '..', 'docs', 'board');
const looks: Record<string, Look> = {
  light: { width: 1280, height: 1000, theme: 'light' },
  dark: { width: 1280, height: 1000, theme: 'dark' },
  phone: { width: 360, height: 780, theme: 'light', scale: 2 },
};

const chromium = findChromium();
if (!chromium) throw new Error(noChromium);
await mkdir(folder, { recursive: true });
const sale = await BoardSale.open({ paymentWindow: 45_000 });
const browsers = await Promise.all(
  Object.entries(looks).map(async ([name, look]) => ({ name, ...(await openBrowser(chromium, look)) })),
);
try {
  for (const { page } of browsers) await page.goto(sale.url);
  await browsers[0]!.page.getByText('Nothing is on sale yet').waitFor();
  await stockUp(sale.client, offers(Date.now()));
  const crowd = rush(sale.client, 900, 350);
  // Half-way: the shoes are sold out, and the rest is still draining.
  await browsers[0]!.page.locator('tr[data-phase="SoldOut"]').waitFor({ timeout: 60_000 });
  await browsers[0]!.page.getByText('Sale not started').waitFor();
  await new Promise((resolve) => setTimeout(resolve, 6000));
  for (const { name, page } of browsers) {
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: name === 'light' });
    console.log(`wrote ${join(folder, `${name}.png`)}`);
  }
  await crowd;
  await sale.stopServing();
  const { page } = browsers[0]!;
  await page.locator('#link[data-state="lost"]').waitFor();
  await page.screenshot({ path: join(folder, 'lost.png'), clip: { x: 0, y: 0, width: 1280, height: 420 } });
} finally {
  await Promise.all(browsers.map((browser) => browser.close()));
  await sale.close();
}
