// Uploads a file with tus-js-client: node upload.mjs <node_modules> <file> <endpoint> <chunk bytes> <retries, ms>
// Writes a line for each step; ends with "done <url>" (0) or "failed <status> <text>" (1).
import { createRequire } from 'node:module'
import { createReadStream, statSync } from 'node:fs'

const [modules, file, endpoint, chunk, retries] = process.argv.slice(2)
const tus = createRequire(modules + '/')('tus-js-client')
const upload = new tus.Upload(createReadStream(file), {
  endpoint,
  uploadSize: statSync(file).size,
  chunkSize: Number(chunk),
  retryDelays: JSON.parse(retries),
  metadata: { filename: 'cat.jpg', filetype: 'image/jpeg' },
  onShouldRetry(error) {
    console.log('retry', error.originalResponse?.getStatus() ?? 0)
    return true
  },
  onChunkComplete(size, accepted, total) {
    console.log('chunk', accepted, total)
  },
  onError(error) {
    console.log('failed', error.originalResponse?.getStatus() ?? 0, String(error.message).replaceAll('\n', ' '))
    process.exitCode = 1
  },
  onSuccess() {
    console.log('done', upload.url)
  },
})
upload.start()
