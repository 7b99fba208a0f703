// A member of a consumer group by kafkajs. Arguments and lines: see members.py.
"use strict";

const fs = require("fs");
const { Kafka, PartitionAssigners, logLevel } = require("kafkajs");

const given = Object.fromEntries(process.argv.slice(2).map((word) => word.split(/=(.*)/s).slice(0, 2)));

// Written at once, and whole lines only: the process may be killed at any moment.
function say(...words) {
  const now = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000));
  fs.writeSync(1, `${now} ${words.join(" ").replaceAll("\n", " ")}\n`);
}

const kafka = new Kafka({
  clientId: "kafkajs",
  brokers: [given.bootstrap],
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 1000 },
});
const consumer = kafka.consumer({
  groupId: given.group,
  partitionAssigners: [PartitionAssigners.roundRobin],
  sessionTimeout: Number(given.session_ms),
  heartbeatInterval: Number(given.heartbeat_ms),
  rebalanceTimeout: 30000,
  maxWaitTimeInMs: 100,
});

let owned = [];
const release = (how) => {
  if (owned.length > 0) say(how, ...owned);
  owned = [];
};
consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
  // Still owned without a rebalance that it was told of: the group had gone on without this member.
  release("lost");
  owned = Object.entries(payload.memberAssignment).flatMap(([topic, all]) => all.map((one) => `${topic}-${one}`));
  say("assigned", "-", ...owned);
});
consumer.on(consumer.events.REBALANCING, () => release("revoked"));
consumer.on(consumer.events.CRASH, ({ payload }) => {
  say("error", "crash", payload.error);
  // A coordinator that went away while it was looked for is no reason for kafkajs to go on, but for its user.
  if (!payload.restart) setTimeout(() => start().catch(end), 100);
});

async function eachBatch({ batch, resolveOffset, heartbeat, isRunning, isStale }) {
  const partition = { topic: batch.topic, partition: batch.partition };
  let printed = 0;
  let next = null;
  const commit = async () => {
    if (next === null) return;
    await consumer.commitOffsets([{ ...partition, offset: next }]);
    say("committed", `${batch.topic}-${batch.partition}=${next}`);
    printed = 0;
    next = null;
  };
  for (const message of batch.messages) {
    if (!isRunning() || isStale()) break;
    const key = message.key === null ? "-" : message.key.toString();
    say("message", batch.topic, batch.partition, message.offset, key, message.value.toString());
    resolveOffset(message.offset);
    next = (BigInt(message.offset) + 1n).toString();
    if (++printed >= Number(given.commit_every)) await commit();
  }
  await commit();
  await heartbeat();
}

async function start() {
  await consumer.connect();
  await consumer.subscribe({ topics: given.topics.split(","), fromBeginning: true });
  await consumer.run({ autoCommit: false, eachBatch });
}
function end(error) {
  say("error", "ending", error);
  process.exit(1);
}

async function main() {
  if (given.held) {
    say("ready");
    fs.readSync(0, Buffer.alloc(1));
  }
  await start();
  process.once("SIGTERM", async () => {
    await consumer.disconnect();
    release("revoked");
    say("closed");
    process.exit(0);
  });
}

main().catch(end);
