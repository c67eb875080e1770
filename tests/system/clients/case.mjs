// Runs one case of a script: `node script.mjs CASE`. What the driver knows comes as JSON in the
// environment variable CALLBOARD_TEST. A script that waits for the driver prints a line and reads
// one. Exit code 0 and the last line "done" mean that every assertion held.
import { createInterface } from "node:readline";

export const given = JSON.parse(process.env.CALLBOARD_TEST);

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Tells the driver how far the case is, and waits until it may go on. */
export async function pause(name) {
  console.log(name);
  await lines.next();
}

export async function run(cases) {
  const chosen = cases[process.argv[2]];
  if (!chosen) {
    console.error(`there is no case ${process.argv[2]}`);
    process.exit(2);
  }
  try {
    await chosen();
  } catch (problem) {
    console.error(problem);
    process.exit(1);
  }
  console.log("done");
  process.exit(0);
}
