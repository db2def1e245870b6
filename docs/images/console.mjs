// Called by console: the console's address, where the pictures go, and whether for the documents or of all pages.
import { chromium } from 'playwright-core';

const [address, out, which] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

async function open(width, height, colorScheme) {
  const page = await browser.newPage({ baseURL: address, viewport: { width, height }, colorScheme });
  await page.goto('/');
  await page.getByLabel('Name').fill('sam');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  return page;
}

/** The newest order that was confirmed: its way is the longest. */
async function confirmed(page) {
  await page.goto('/journey');
  const row = page.getByRole('row').filter({ hasText: /confirmed|shipped/ }).first();
  return row.getByRole('link').first().getAttribute('href');
}

async function picture(page, path, name, fullPage) {
  await page.goto(path);
  await page.screenshot({ path: `${out}/${name}.png`, fullPage });
}

if (which === 'documents') {
  const page = await open(1280, 860, 'light');
  await picture(page, '/', 'console-overview', false);
  await picture(page, await confirmed(page), 'console-journey', false);
  await picture(page, '/dashboard', 'console-dashboard', false);
  const dark = await open(1280, 860, 'dark'); // for the README, where the reader's pages are dark
  await picture(dark, await confirmed(dark), 'console-journey-dark', false);
} else {
  for (const [width, scheme] of [[1440, 'light'], [1440, 'dark'], [360, 'light'], [360, 'dark']]) {
    const page = await open(width, 900, scheme);
    const pages = { overview: '/', search: '/journey', journey: await confirmed(page), failed: '/failed', outbox: '/outbox/ordering', contracts: '/contracts',
      contract: '/contracts/ordering.order-placed.v2', invariants: '/invariants', dashboard: '/dashboard' };
    await page.goto('/failed');
    const group = page.getByRole('link', { name: /The messages? of/ }).first();
    if (await group.count()) {
      pages.group = await group.getAttribute('href');
      await page.goto(pages.group);
      pages.message = await page.locator('td a').first().getAttribute('href');
    }
    for (const [name, path] of Object.entries(pages)) await picture(page, path, `${name}-${width}-${scheme}`, true);
    await page.close();
  }
}
await browser.close();
