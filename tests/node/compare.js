// SPDX-License-Identifier: MIT
// Compare: the same scenario with Node's EventEmitter and with ours.

'use strict';

const assert = require('node:assert');
const EventEmitter = require('node:events');
const test = require('node:test');
const { load } = require('./addon.js');

const { Emitter } = load('emitter');
const major = Number(process.versions.node.split('.')[0]);

// The scenario, which logs, with either class: both must log the same.
function same(name, scenario) {
  test(name, () => {
    const logs = [EventEmitter, Emitter].map((Class) => {
      const log = [];
      scenario(Class, (...entry) => log.push(entry));
      return log;
    });
    assert.ok(logs[0].length > 0, 'nothing was logged');
    assert.deepStrictEqual(logs[1], logs[0]);
  });
}

// What calling it comes to.  Messages differ between versions of Node.js.
function outcome(fn) {
  try {
    return ['returned', fn()];
  } catch (error) {
    if (!(error instanceof Error))
      return ['threw', error];
    return major < 20 ? ['threw', error.name] :
      ['threw', error.name, error.code, error.message];
  }
}

// What was warned of meanwhile.
function warnings(fn) {
  const original = process.emitWarning;
  const seen = [];
  process.emitWarning = (warning) => seen.push(warning);
  try {
    fn();
  } finally {
    process.emitWarning = original;
  }
  return seen;
}

module.exports = { Emitter, major, outcome, same, warnings };
