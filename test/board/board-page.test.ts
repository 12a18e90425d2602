// The page in a real browser on a real sale: it fills in, drains, tells of refusals, outlives its server and the
// API server, and is readable: contrast, a phone's width, headings, keyboard. Left out where there is no Chromium.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { eventually } from '../e2e/world.ts';
import { findChromium, noChromium, openBrowser } from './browser.ts';
import { contrasts, overflowing } from './readable.ts';
import { BoardSale, offers, rush, stockUp } from './sale.ts';

const chromium = findChromium();
const patience = 60_000;

test('the board in a browser', { skip: chromium ? false : noChromium, timeout: 300_000 }, async (t) => {
  let sale: BoardSale;
  let browser: Awaited<ReturnType<typeof openBrowser>>;
  let page: Page;
  const troubles: string[] = [];
  const elsewhere: string[] = [];

  before(async () => {
    sale = await BoardSale.open();
    browser = await openBrowser(chromium!, { width: 1280, height: 900 });
    page = browser.page;
    page.setDefaultTimeout(patience);
    page.on('pageerror', (error) => troubles.push(error.message));
    page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
    page.on('request', (request) => {
      if (!request.url().startsWith(sale.url)) elsewhere.push(request.url());
    });
    await page.goto(sale.url);
  });

  after(async () => {
    await browser?.close();
    await sale?.close();
  });

  const text = async (selector: string) => (await page.locator(selector).textContent()) ?? '';
  const number = async (selector: string) => Number((await text(selector)).replace(/,/g, ''));
  const comes = (locator: string) => page.locator(locator).first().waitFor();

  await t.test('without goods it says what to paste', async () => {
    await comes('#empty:not([hidden])');
    assert.match(await text('#firstSteps'), /^export KUBECONFIG=.*\nkubectl create -f /);
    await comes('#link[data-state="live"]');
  });

  await t.test('goods appear, and what users wrote is text', async () => {
    const hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    await stockUp(sale.client, [
      ...offers(Date.now()),
      { name: 'zz-hostile', title: hostile, stock: 3, price: 100, spikePrice: 90 },
    ]);
    await comes('tr[data-key="autumn/zz-hostile"]');
    await comes('tr[data-key="autumn/volt"]');
    assert.equal(await text('tr[data-key="autumn/zz-hostile"] .title'), hostile);
    assert.equal(await page.locator('main img, main script').count(), 0);
    assert.equal(await page.locator('#empty').isVisible(), false);
  });

  await t.test('in a rush bars drain, and refusals appear with their reasons', async () => {
    const width = () =>
      page
        .locator('tr[data-key="autumn/trail-40"] .bar .left')
        .evaluate((bar) => parseFloat((bar as HTMLElement).style.width));
    assert.equal(await width(), 100);
    const seen = new Set<number>();
    const rushing = rush(sale.client, 600, 100);
    for (let looks = 0; looks < 400 && (await width()) > 0; looks++) {
      seen.add(await width());
      await page.waitForTimeout(50);
    }
    await rushing;
    assert.ok(seen.size >= 3, `the bar went through ${[...seen]}`);
    await comes('tr[data-key="autumn/trail-40"][data-phase="SoldOut"]');
    for (const reason of ['SoldOut', 'SaleNotStarted', 'BuyerNotFound', 'StillReferenced']) {
      await comes(`#refusalRows li[data-key="${reason}"]`);
    }
    assert.match(await text('#refusalRows li[data-key="SoldOut"] .example'), /available 0/);
    await comes('#newsRows li[data-mark="paid"]');
    const paid = page.locator('#newsRows li[data-mark="paid"] .name').first();
    assert.match((await paid.textContent()) ?? '', /^autumn order /);
    await comes('#dueRows li');
  });

  await t.test('its numbers are those of the API server', async () => {
    // After a rush states of orders follow within seconds, and replicas give back what they held beforehand.
    await eventually(async () => {
      const [goods, orders] = await Promise.all([sale.goods(), sale.orders()]);
      const left = goods.reduce((sum, { status }) => sum + (status?.lastStockCount ?? 0), 0);
      const unpaid = orders.filter(({ status }) => status?.phase === 'Unpaid').length;
      assert.deepEqual([await number('#left'), await number('#unpaid')], [left, unpaid]);
    }, 30_000);
    assert.ok((await number('#left')) > 0 && (await number('#unpaid')) > 0);
  });

  await t.test(
    'it can be read: contrast in both themes, nothing wider than a phone, a tree of headings',
    async () => {
      for (const theme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme: theme });
        assert.deepEqual(await contrasts(page), [], theme);
      }
      for (const width of [320, 360, 768, 1280]) {
        await page.setViewportSize({ width, height: 800 });
        assert.deepEqual(await overflowing(page), [], `${width} px`);
      }
      const headings = await page
        .locator('h1, h2, h3')
        .evaluateAll((all) => all.map(({ tagName }) => tagName));
      assert.equal(headings.filter((tag) => tag === 'H1').length, 1);
      assert.ok(headings.every((tag, index) => Number(tag[1]) - Number(headings[index - 1]?.[1] ?? 0) <= 1));
      await page.setViewportSize({ width: 360, height: 800 });
      const row = page.getByRole('row', { name: /Aurora 13/ });
      assert.equal(await row.getByRole('cell').count(), 5, 'on a phone the table is still one');
      assert.equal(await page.getByRole('columnheader').count(), 6);
      await page.setViewportSize({ width: 1280, height: 900 });
    },
  );

  await t.test('one colour means one thing: bars, their legends and the events', async () => {
    const colours = await page.evaluate(() => {
      const of = (selector: string, pseudo?: string) => {
        const found = document.querySelector(selector);
        return found ? getComputedStyle(found, pseudo).background : `no ${selector}`;
      };
      return {
        left: [of('#stockBar .left'), of('#goodsRows .bar .left'), of('.swatch.left', '::before')],
        waiting: [of('#stockBar .waiting'), of('#ordersBar .waiting'), of('.swatch.waiting', '::before')],
        paid: [of('#stockBar .paid'), of('#ordersBar .paid'), of('.swatch.paid', '::before')],
        gone: [of('#ordersBar .gone'), of('.swatch.gone', '::before')],
        refused: [of('#refusalRows .bar .refused'), of('.swatch.refused', '::before')],
      };
    });
    const one = Object.entries(colours).map(([meaning, all]) => {
      assert.equal(new Set(all).size, 1, `${meaning}: ${all.join(' | ')}`);
      return all[0];
    });
    assert.equal(new Set(one).size, one.length, 'and no two share one');
    // Every bar outside of the table has its legend in the same card; the table has one for all its rows.
    for (const bar of await page.locator('.card:has(.bar)').all()) {
      assert.ok((await bar.locator('.legend .swatch').count()) > 0);
    }
  });

  await t.test('a namespace and a seller can be chosen, and the choice is in the address', async () => {
    assert.deepEqual(await page.locator('#namespace option').allTextContents(), ['all', 'autumn']);
    await page.locator('#seller').selectOption('corner-shop');
    await page.waitForURL(/seller=corner-shop/);
    await comes('tr[data-key="autumn/aurora-13"]');
    await page.goto(`${sale.url}?namespace=winter`);
    await comes('#empty:not([hidden])');
    assert.equal(await page.locator('#namespace').inputValue(), 'winter');
    await page.locator('#namespace').selectOption('autumn');
    await comes('tr[data-key="autumn/aurora-13"]');
    await page.locator('#namespace').selectOption('');
    await comes('tr[data-key="autumn/aurora-13"]');
    assert.equal(new URL(page.url()).search, '');
  });

  await t.test('on a phone recent events come before what can be set, and before the system', async () => {
    await page.setViewportSize({ width: 360, height: 800 });
    const top = async (selector: string) => (await page.locator(selector).boundingBox())?.y ?? Number.NaN;
    const [news, settings, system] = [await top('.news'), await top('.settings'), await top('.system')];
    assert.ok(news < settings && news < system, `${news}, ${settings}, ${system}`);
    await page.setViewportSize({ width: 1280, height: 900 });
    assert.ok((await top('.settings')) < (await top('.news')));
  });

  await t.test('by keyboard: skip to the goods, change the theme, and it is kept', async () => {
    await page.emulateMedia({ colorScheme: 'light' });
    await page.reload();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the goods');
    // Past the filters.
    for (const _ of ['namespace', 'seller', 'theme']) await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    assert.equal(await text('#theme'), 'Theme: dark');
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await ground();
    await page.reload();
    assert.equal(await ground(), dark);
    await page.locator('#theme').click();
    assert.notEqual(await ground(), dark);
  });

  await t.test(
    'it says that it is stale when the server is away, and goes on when that is back',
    async () => {
      await comes('#link[data-state="live"]');
      const left = await number('#left');
      await sale.stopServing();
      await comes('#link[data-state="lost"]');
      assert.match(await text('#banner'), /connection to this replica is lost.*from \d\d:\d\d:\d\d/);
      assert.equal(await page.locator('main').getAttribute('data-stale'), 'true');
      assert.equal(await number('#left'), left, 'what was known stays to be seen');
      troubles.length = 0;
      await sale.serve();
      await comes('#link[data-state="live"]');
      await page.locator('#banner').waitFor({ state: 'hidden' });
      await comes('tr[data-key="autumn/aurora-13"]');
    },
  );

  await t.test('it says so when the API server is away, and goes on when that is back', async () => {
    await sale.stopSandbox();
    await comes('#link[data-state="stale"]');
    assert.match(await text('#banner'), /API server cannot be followed/);
    await sale.startSandbox();
    await comes('#link[data-state="live"]');
    await page.locator('#banner').waitFor({ state: 'hidden' });
  });

  await t.test('nothing was loaded from elsewhere, and nothing failed', () => {
    assert.deepEqual(elsewhere, []);
    assert.deepEqual(
      troubles.filter((text) => !/Failed to load resource|ERR_CONNECTION_REFUSED/.test(text)),
      [],
    );
  });
});
