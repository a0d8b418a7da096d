import { apertus } from './apertus'
import { arcee } from './arcee'
import { bert, distilbert, mpnet, nomicBert, roberta } from './bert'
import { cohere, cohere2 } from './cohere'
import { deepseekV2, deepseekV3 } from './deepseek'
import { ernie, ernieMoe } from './ernie'
import { exaone4 } from './exaone'
import { falconH1 } from './falcon-h1'
import type { Family } from './family'
import { gemma, gemma2, gemma3 } from './gemma'
import { gemma3n } from './gemma3n'
import { gemma4 } from './gemma4'
import { glm4, glm4Moe } from './glm'
import { gptNeox } from './gpt-neox'
import { gptOss } from './gpt-oss'
import { gpt2 } from './gpt2'
import { granite, graniteMoe } from './granite'
import { graniteHybrid } from './granite-hybrid'
import { hunyuan } from './hunyuan'
import { lfm2, lfm2Moe } from './lfm2'
import { minicpm3 } from './minicpm'
import { mixtral } from './mixtral'
import { modernbert } from './modernbert'
import { olmo2, olmoe } from './olmo'
import { phi, phi3 } from './phi'
import { qwen2Moe, qwen3Moe } from './qwen-moe'
import { qwen3Next, qwen35, qwen35Moe } from './qwen3.5'
import { seedOss } from './seed-oss'
import { stablelm } from './stablelm'
import { starcoder2 } from './starcoder2'

const llamas = [arcee, seedOss, granite, olmo2, apertus, ernie, hunyuan]
const others = [phi, phi3, cohere, cohere2, glm4, exaone4]
const gemmas = [gemma, gemma2, gemma3, gemma3n, gemma4]
const older = [gpt2, gptNeox, stablelm, starcoder2]
const latents = [minicpm3, deepseekV2, deepseekV3]
const hybrids = [falconH1, graniteHybrid, lfm2, qwen35]
const mixtures = [mixtral, qwen2Moe, qwen3Moe, olmoe, graniteMoe, ernieMoe, glm4Moe, gptOss, lfm2Moe]
const hybridMixtures = [qwen3Next, qwen35Moe]
const encoders = [bert, roberta, distilbert, mpnet, nomicBert, modernbert]

/** All that Octavo runs beside those of ./index. */
export const otherFamilies: readonly Family[] = [
  ...llamas,
  ...others,
  ...gemmas,
  ...older,
  ...latents,
  ...hybrids,
  ...mixtures,
  ...hybridMixtures,
  ...encoders,
]
