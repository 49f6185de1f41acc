// SPDX-License-Identifier: MIT
// Demo: the three add-ons, from the folder they were built in.
//
//     node demo.js FOLDER

'use strict';

const path = require('node:path');
const load = (name) => require(path.resolve(process.argv[2] || '.', name));

const hello = new (load('helloworld.node').HelloWorld)();
console.log(`${hello.hello()}, count ${hello.count}`);

const { Emitter } = load('emitter.node');
class Kitchen extends Emitter {}
const kitchen = new Kitchen();
kitchen.once('cooked', (dish) => console.log(`eating ${dish}`));
console.log(`heard ${kitchen.emit('cooked', 'chicken')}`);
console.log(`heard ${kitchen.emit('cooked', 'chicken')}`);

// The process ends with the timer, and the timer with the callback.
const later = new (load('helloworld_eio.node').HelloWorld)();
let ticks = 0;
const timer = setInterval(() => ticks++, 50);
later.hello((greeting) => {
  clearInterval(timer);
  const loop = ticks > 0 ? 'free' : 'blocked';
  console.log(`${greeting}, count ${later.count}, loop ${loop}`);
});
