// An SMSC by the npm package `smpp`: it takes messages, puts their parts together, and sends a
// receipt for each part. It says what it has as JSON, one line each, on standard output.
"use strict";

const smpp = require("smpp");

const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const waiting = new Map();
let lastId = 0;

// The user data header's element of concatenation: [kind, length, reference…, total, number].
function headerOf(pdu) {
  const element = (pdu.short_message.udh || []).find((one) => one[0] === 0 || one[0] === 8);
  if (element) {
    const reference = element.slice(2, -2).toString("hex");
    return { reference, total: element[element.length - 2], number: element[element.length - 1] };
  }
  if (pdu.sar_total_segments) {
    const { sar_msg_ref_num: reference, sar_total_segments: total } = pdu;
    return { reference, total, number: pdu.sar_segment_seqnum };
  }
  return { reference: 0, total: 1, number: 1 };
}

function textOf(pdu) {
  const text = pdu.short_message.message || pdu.message_payload;
  return text && text.message !== undefined ? text.message : text;
}

function take(pdu) {
  const { reference, total, number } = headerOf(pdu);
  const key = [pdu.source_addr, pdu.destination_addr, reference].join();
  const parts = waiting.get(key) || new Map();
  waiting.set(key, parts.set(number, textOf(pdu)));
  if (parts.size < total) return;
  waiting.delete(key);
  const numbers = [...parts.keys()].sort((a, b) => a - b);
  say({
    text: numbers.map((one) => parts.get(one)).join(""),
    parts: total,
    to: pdu.destination_addr,
    from: pdu.source_addr,
    data_coding: pdu.data_coding,
    validity: pdu.validity_period,
  });
}

function sendReceipt(session, pdu, id) {
  const receipt = {
    source_addr: pdu.destination_addr,
    destination_addr: pdu.source_addr,
    esm_class: 4,
    short_message: `id:${id} sub:001 dlvrd:001 submit date:2611241200 done date:2611241200 stat:DELIVRD err:000 text:`,
  };
  session.deliver_sm(receipt, (answer) => say({ acknowledged: answer.command_status, id }));
}

const server = smpp.createServer((session) => {
  session.on("error", () => {});
  session.on("bind_transceiver", (pdu) => {
    session.send(pdu.response({ system_id: "foreign" }));
    say({ bound: pdu.system_id, password: pdu.password, version: pdu.interface_version });
  });
  session.on("submit_sm", (pdu) => {
    const id = (++lastId).toString(16).padStart(8, "0");
    session.send(pdu.response({ message_id: id }));
    take(pdu);
    if (pdu.registered_delivery) sendReceipt(session, pdu, id);
  });
  session.on("enquire_link", (pdu) => {
    session.send(pdu.response());
    say({ enquired: true });
  });
  session.on("unbind", (pdu) => {
    session.send(pdu.response());
    session.close();
    say({ unbound: true });
  });
});

server.listen(0, "127.0.0.1", () => say({ port: server.address().port }));
