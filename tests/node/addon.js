// SPDX-License-Identifier: MIT
// Addon: what the tests of the add-ons share.

'use strict';

const { execFile } = require('node:child_process');
const path = require('node:path');
const { setImmediate } = require('node:timers/promises');
const v8 = require('node:v8');
const vm = require('node:vm');

const folder = path.resolve(process.env.top_builddir || '.', 'examples/node');
const file = (name) => path.join(folder, `${name}.node`);
const load = (name) => require(file(name));

// The code in a process of its own: what it printed, and how it ended.
function run(code) {
  return new Promise((resolve) => {
    execFile(process.execPath, ['-e', code], { timeout: 60000 },
      (error, stdout, stderr) => resolve({
        status: error ? error.code : 0,
        signal: error ? error.signal : null,
        stdout,
        stderr,
      }));
  });
}

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc');

// Collect until it is so, which takes a few turns; false: it never was.
async function collectUntil(isSo) {
  for (let turn = 0; turn < 100; turn++) {
    if (isSo())
      return true;
    gc();
    await setImmediate();
  }
  return isSo();
}

module.exports = { collectUntil, file, load, run };
