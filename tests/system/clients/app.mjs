// What the scripts of whole clients check about an app: which tools it has, and what a call of one
// of them answers.
import assert from "node:assert/strict";
import { given } from "./case.mjs";

/** Names as the client shows them. */
export function checkNames(names) {
  assert.deepEqual([...names].sort(), [...new Set(names)].sort(), "every name once");
  assert.ok(names.includes(given.tool), `${given.tool} in ${names}`);
}

/** The text of the answer to the one call. */
export function checkText(text) {
  assert.match(text, new RegExp(given.answer));
}
