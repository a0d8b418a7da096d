import { encoderModel, testModel } from './model.ts'

const model = await testModel()
console.log(`${model.file}, from ${model.origin}`)
console.log((await encoderModel()).file)
