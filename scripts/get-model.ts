import { testModel } from './model.ts'

const model = await testModel()
console.log(`${model.file}, from ${model.origin}`)
