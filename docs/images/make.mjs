// Called by make: the dashboard's login address, a trace id, where the pictures go, and the repository, whose place is left out of them.
import { chromium } from 'playwright-core';

const [login, trace, out, root] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage({ viewport: { width: 1400, height: 900 }, colorScheme: 'light' });
await page.goto(login);
await page.getByText('ordering', { exact: true }).first().waitFor();
await page.waitForLoadState('networkidle').catch(() => {});
await page.evaluate(root => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) text.data = text.data.replaceAll(`${root}/`, '');
}, root);
await page.screenshot({ path: `${out}/resources.png` });

await page.setViewportSize({ width: 1300, height: 1980 });
const address = new URL(`/traces/detail/${trace}`, login).href;
for (let n = 0; n < 30; n++) {
  // The spans of the last steps arrive with the exporters' next batch.
  await page.goto(address);
  if (await page.getByText('deliver email').first().waitFor({ timeout: 3000 }).then(() => true, () => false)) break;
}
await page.screenshot({ path: `${out}/trace.png` });
await browser.close();
