// Called by make: clicks every command of the dashboard and asks the shop whether it did what it says. Arguments: the dashboard's login
// address, the launcher, and a directory for a picture of each result.
import { execFileSync } from 'node:child_process';
import { chromium } from 'playwright-core';

const [login, shop, pictures] = process.argv.slice(2);
const patience = 180_000;
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage({ viewport: { width: 1400, height: 900 }, colorScheme: 'light' });
page.setDefaultTimeout(patience);
await page.goto(login);
await page.getByText('ordering', { exact: true }).first().waitFor();

let wrong = 0;
const check = (what, holds) => {
  console.log(`${holds ? 'ok   ' : 'WRONG'}  ${what}`);
  wrong += holds ? 0 : 1;
};
const run = (...words) => {
  try {
    return execFileSync(shop, words, { encoding: 'utf8' });
  } catch (e) {
    return e.stdout; // status ends with 1 where something is stopped
  }
};
const row = resource => page.getByRole('row').filter({ has: page.getByText(resource, { exact: true }) }).first();
const health = name => [...JSON.parse(run('status', '--json')).services, ...JSON.parse(run('status', '--json')).servers].find(part => part.name === name)?.health;
const until = async (what, holds) => {
  for (const end = Date.now() + patience; Date.now() < end; await page.waitForTimeout(1_000)) {
    if (holds()) return check(what, true);
  }
  return check(what, false);
};

let clicks = 0;
async function click(resource, command, outcome = 'succeeded') {
  await page.goto(new URL('/', login).href); // no toast of the last one is left
  await row(resource).getByRole('button', { name: 'Actions' }).click();
  const item = page.getByRole('menuitem', { name: command, exact: true });
  await item.waitFor();
  if (await item.isDisabled() || await item.getAttribute('aria-disabled') === 'true' || await item.getAttribute('disabled') !== null) {
    check(`${resource}: ${command} ${outcome === 'disabled' ? 'cannot be clicked' : 'can be clicked'}`, outcome === 'disabled');
    return '';
  }
  await item.click();
  // A short command has a toast; one that outlasts it has only its result, and an entry among the notifications.
  const outcomeOf = `"${command}" (succeeded|failed)`;
  const shows = said => page.waitForFunction(said => new RegExp(said).test(document.body.innerText), said, { polling: 200 });
  await shows(`${outcomeOf}|Copy to clipboard`);
  await page.screenshot({ path: `${pictures}/command-${++clicks}-${resource}-${command.replaceAll(' ', '-').toLowerCase()}.png` });
  let said = await page.locator('body').innerText();
  if (!new RegExp(outcomeOf).test(said)) {
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: /notifications/i }).first().click();
    await shows(outcomeOf);
    said += (await page.locator('body').innerText()).match(new RegExp(outcomeOf))[0]; // the newest is the first
  }
  check(`${resource}: ${command} ${outcome}`, said.includes(`"${command}" ${outcome}`));
  return said;
}

const [first] = JSON.parse(run('dead-letters', '--json')).filter(letter => letter.queue === 'ordering.product-prices');
check('a dead letter is there to be sent again', first !== undefined);
check('the story of the order is named', /\.\/shop journey [0-9a-f-]{36}/.test(await click('ordering', 'Place a demo order')));
check('the demo tells that what must hold holds', /I5 holds/.test(await click('ordering', 'Run the demo')));
for (const service of ['ordering', 'inventory', 'notification', 'analytics']) await click(service, 'Retry dead letters');
await until('the dead letter was sent again, and came back', () =>
  JSON.parse(run('dead-letters', '--json')).some(letter => letter.id === first?.id && letter.deaths > first.deaths));

await click('rabbitmq', 'Stop');
await until('the broker is stopped', () => health('rabbitmq') === 'stopped');
const without = await click('ordering', 'Retry dead letters', 'failed');
check('without a broker it says what to do', /rabbitmq|broker/i.test(without));
await click('rabbitmq', 'Start');
await until('the broker is healthy', () => health('rabbitmq') === 'healthy');
await click('inventory', 'Stop');
await until('inventory is stopped', () => health('inventory') === 'stopped');
await click('inventory', 'Retry dead letters', 'disabled');
check('without inventory it says so, and what to do', /inventory does not run.*\.\/shop status/s.test(await click('ordering', 'Place a demo order', 'failed')));
await click('inventory', 'Start');
await until('inventory is healthy', () => health('inventory') === 'healthy');
await click('ordering', 'Place a demo order');
await browser.close();
process.exit(wrong === 0 ? 0 : 1);
