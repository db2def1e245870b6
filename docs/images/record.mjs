// Called by record: the repository, the shop's home and where the picture goes. Runs the commands and writes what they print.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { drawing } from './terminal.mjs';

const [root, home, out] = process.argv.slice(2);
const longestPause = 0.9; // seconds; what took longer is shortened

const lines = [];
let now = 0;

/** Where the machine keeps things, and the login's token, are nobody's business. */
const clean = line => line.replaceAll(home, '.shop').replaceAll(`${root}/`, '').replace(/\?t=[0-9a-f]+/, '?t=...').trimEnd();

/** Runs a command as a person types it, and returns what it printed. */
async function run(command, keep = () => true) {
  const typed = command.length * 0.03;
  lines.push({ at: now, typed, command });
  now += typed + 0.4;
  let rest = '';
  const printed = [];
  const print = text => {
    printed.push(text);
    if (keep(text)) lines.push({ at: now += 0.03, text });
  };
  const child = spawn('bash', ['-c', command], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let last = Date.now();
  const received = chunk => {
    now += Math.min(longestPause, (Date.now() - last) / 1000);
    last = Date.now();
    const parts = (rest + chunk).split('\n');
    rest = parts.pop();
    parts.map(clean).forEach(print);
  };
  child.stdout.setEncoding('utf8').on('data', received);
  child.stderr.setEncoding('utf8').on('data', received);
  const code = await new Promise(done => child.on('close', done));
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${printed.join('\n')}`);
  while (lines.at(-1).text === '') lines.pop();
  lines.push({ at: now, text: '' });
  now += 0.8;
  return printed.join('\n');
}

let trying = false; // what to try next is what follows here
await run('./shop up -d', text => !(trying ||= text === 'Try:'));
const demo = await run('./shop demo --orders 1', text => !text.startsWith('Customers:')); // a progress bar on a terminal
await run(demo.match(/\.\/shop journey \S+/)[0] + ' --wait 30');
lines.pop();
writeFileSync(out, drawing(lines));
console.log(`${out}: ${lines.length} lines, ${now.toFixed(0)} s`);
