// SPDX-License-Identifier: MIT
// The demo's data, from the npm package vega-datasets: a week of earthquakes and four years of Seattle's weather. Each reading has
// the time it was taken at and an id of its own, so that a second run stores nothing twice.
import { readFileSync } from 'node:fs'

export interface Reading {
  target: string
  ts: string | number
  mid: string
  data: Record<string, string | number | null>
}

interface Feature {
  id: string
  properties: { mag: number | null; place: string; time: number; net: string }
  geometry: { coordinates: [longitude: number, latitude: number, depth: number] }
}

function text(name: string): string {
  return readFileSync(new URL(`../data/${name}`, import.meta.resolve('vega-datasets')), 'utf8')
}

/** A target is the network of stations that located the quake. */
export function earthquakes(): Reading[] {
  const { features } = JSON.parse(text('earthquakes.json')) as { features: Feature[] }
  return features
    .map(({ id, properties: { mag, place, time, net }, geometry: { coordinates } }) => {
      const [longitude, latitude, depth] = coordinates
      return { target: `quakes-${net}`, ts: time, mid: id, data: { magnitude: mag, place, depth, latitude, longitude } }
    })
    .sort((a, b) => a.ts - b.ts)
}

/** One reading a day; a day begins at midnight in Seattle. */
export function weather(): Reading[] {
  const [head = '', ...lines] = text('seattle-weather.csv').trim().split('\n')
  const names = head.split(',')
  return lines.map((line) => {
    const [date = '', ...values] = line.split(',')
    const data: Reading['data'] = {}
    for (const [i, value] of values.entries()) data[names[i + 1] ?? ''] = Number.isNaN(Number(value)) ? value : Number(value)
    return { target: 'seattle', ts: `${date}T00:00:00-08:00`, mid: date, data }
  })
}
