// SPDX-License-Identifier: MIT
// How long a client of the HTTP port may take to say what it wants. Who says nothing for longer only holds a socket open.

/** 10 s for the headers, of at most 16 kB with the address, and two minutes for a body of 10 MB on a bad line. */
export const patience = {
  headersTimeout: 10_000,
  requestTimeout: 120_000,
  connectionsCheckingInterval: 5000,
  maxHeaderSize: 16_384,
}
