import { expect, it } from 'vitest'
import { TokenBudget } from '../../../src/model/token-budget'

function step(prefill: number, decode: number) {
  return { tokens: prefill + decode, prefill: { tokens: prefill }, decode: { tokens: decode } }
}

it('begins with few tokens and takes what a quarter of a second holds', () => {
  const budget = new TokenBudget(256)
  expect(budget.tokens).toBe(16)
  budget.took(step(16, 0), 100)
  expect(budget.tokens).toBe(40)
})

it('reaches the most after one quick step, and never passes it', () => {
  const budget = new TokenBudget(256)
  budget.took(step(16, 0), 2)
  expect(budget.tokens).toBe(256)
})

it('falls when a step of a prompt took too long, and keeps some tokens however slow the device', () => {
  const budget = new TokenBudget(256)
  budget.took(step(16, 0), 2)
  budget.took(step(256, 0), 1000)
  expect(budget.tokens).toBe(64)
  budget.took(step(64, 0), 20_000)
  expect(budget.tokens).toBe(16)
})

it('rises by what a decode step shows, and does not fall by it', () => {
  const budget = new TokenBudget(256)
  budget.took(step(0, 1), 5)
  expect(budget.tokens).toBe(48)
  budget.took(step(0, 1), 500)
  expect(budget.tokens).toBe(48)
})

it('has room for a piece of a prompt beside as many sequences as decode', () => {
  const budget = new TokenBudget(256)
  budget.took(step(1, 15), 5000)
  expect(budget.tokens).toBe(32)
  budget.took(step(16, 63), 5000)
  expect(budget.tokens).toBe(80)
  expect(new TokenBudget(8).tokens).toBe(8)
})

it('asks for whole tiles of the products', () => {
  const budget = new TokenBudget(256)
  for (let ms = 10; ms < 1000; ms += 7) {
    budget.took(step(32, 3), ms)
    expect(budget.tokens % 8).toBe(0)
  }
})
